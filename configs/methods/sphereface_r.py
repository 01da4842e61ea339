# SphereFace-R with normalised embeddings (Liu et al., TPAMI 2022).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='SphereFaceHead', form='v0', scale=30, margin=1.5))
search = {'model.head.margin': [1.3, 1.5, 1.7]}
