# SphereFace as published (Liu et al., CVPR 2017).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='SphereFaceHead', form='published', margin=4,
                       lambda_min=5.))
search = {'model.head.lambda_min': [0., 5., 20.]}
