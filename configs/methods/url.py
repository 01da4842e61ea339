# URL (Shi et al., CVPR 2020): an embedding in 16 parts, each with a confidence.
_base_ = ['_base_/drawn_faces.py']
model = dict(neck=dict(_delete_=True, type='ConfidencePartsNeck', parts=16, scale=30.,
                       neck=dict(type='PoolNeck', embed_dim=256)),
             head=dict(_delete_=True, type='ConfidencePartsHead', parts=16, margin=12.),
             losses=[dict(type='PartDecorrelationLoss', parts=16, loss_weight=.1)])
search = {'model.head.margin': [9., 12., 15.]}
