# DAQL (2019): quadruplets across the resolutions.
_base_ = ['_base_/drawn_faces.py']
model = dict(losses=[dict(type='CrossResolutionQuadrupletLoss', margin=.2, second_margin=.1,
                          loss_weight=1.)])
search = {'model.losses.0.loss_weight': [.1, 1., 10.]}
