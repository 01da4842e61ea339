# DATL (2019): triplets across the resolutions in both directions.
_base_ = ['_base_/drawn_faces.py']
model = dict(losses=[dict(type='CrossResolutionTripletLoss', margin=.2, anchors=('lr', 'hr'),
                          loss_weight=1.)])
search = {'model.losses.0.loss_weight': [.1, 1., 10.]}
