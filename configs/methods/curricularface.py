# CurricularFace (Huang et al., CVPR 2020).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='CurricularFaceHead', scale=64, margin=.5, momentum=.01))
search = {'model.head.margin': [.3, .4, .5]}
