# CosFace on HR faces alone: what the other systems improve on at low resolution.
_base_ = ['_base_/drawn_faces.py']
train_dataloader = dict(dataset=dict(pipeline=[dict(type='FaceFlip')]))
search = {'model.head.margin': [.3, .4, .5]}
