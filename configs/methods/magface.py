# MagFace (Meng et al., CVPR 2021).
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='MagFaceHead', scale=64, lower_length=10,
                       upper_length=110, lower_margin=.45, upper_margin=.8, length_weight=35))
search = {'model.head.scale': [32, 48, 64]}
