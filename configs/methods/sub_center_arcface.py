# Sub-center ArcFace (Deng et al., ECCV 2020).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='SubCenterArcFaceHead', scale=64, margin=.5,
                       num_centres=3))
search = {'model.head.margin': [.3, .4, .5]}
