# ArcFace with the three margins in one (Deng et al., CVPR 2019, section 2.3).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='ArcFaceHead', scale=64, m1=1., m2=.3, m3=.2))
search = {'model.head.m3': [.1, .2, .3]}
