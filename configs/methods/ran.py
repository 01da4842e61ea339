# RAN (Fang et al., ECCV 2020): a gate adapts the features. Camera-like degradations stand in for
# those of its GAN.
_base_ = ['_base_/drawn_faces.py']
model = dict(neck=dict(_delete_=True, type='AdaptationGateNeck',
                       neck=dict(type='PoolNeck', embed_dim=256)),
             contrast_loss=dict(type='CosineDistanceLoss', loss_weight=1.))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2),
         degradation=('bicubic', 'camera'))]))
search = {'model.contrast_loss.loss_weight': [.1, 1., 10.]}
