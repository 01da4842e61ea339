# NPT-Loss (Khalid et al., TPAMI 2023), in the place of the cross-entropy.
_base_ = ['_base_/drawn_faces.py']
model = dict(view_weights=(0., 0.), losses=[dict(type='NearestProxyTripletLoss', margin=.8)])
search = {'model.losses.0.margin': [.4, .8, 1.2]}
