# ArcFace (Deng et al., CVPR 2019).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='ArcFaceHead', scale=64, margin=.5))
search = {'model.head.margin': [.3, .4, .5]}
