# DCR (Lu et al., SPL 2018): one trunk, a branch for each resolution, coupled by their distance.
_base_ = ['_base_/drawn_faces.py']
model = dict(neck=dict(_delete_=True, type='CoupledNeck',
                       branch=dict(type='PoolNeck', embed_dim=256)),
             contrast_loss=dict(type='LpDistanceLoss', p=2, loss_weight=100.))
search = {'model.contrast_loss.loss_weight': [10., 100., 1000.]}
