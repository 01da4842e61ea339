# FaceNet (Schroff et al., CVPR 2015): semi-hard triplets of both views, and no classifier.
_base_ = ['_base_/drawn_faces.py']
model = dict(head=None, losses=[dict(type='TripletLoss', margin=.2)])
train_dataloader = dict(sampler=dict(_delete_=True, type='PKSampler', people=16, images=4))
search = {'model.losses.0.margin': [.1, .2, .4]}
