# As distill_folder, with similarities: an LR face is to be as near to other people's HR embeddings
# as its own HR face is, in the teacher. For comparing small faces with sharp ones.
_base_ = './distill_folder.py'
model = dict(losses=[dict(type='FeatureDistillationLoss', loss_weight=.5),
                     dict(type='SimilarityDistillationLoss', loss_weight=.2),
                     dict(type='KeepHRLoss', loss_weight=1.)])
