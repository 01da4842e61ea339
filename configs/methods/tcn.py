# TCN (Zha and Chao, ICASSP 2019): LR anchors, fixed HR positives and negatives.
_base_ = ['_base_/drawn_faces.py']
model = dict(losses=[dict(type='CrossResolutionTripletLoss', margin=.2, loss_weight=1.)])
search = {'model.losses.0.loss_weight': [.1, 1., 10.]}
