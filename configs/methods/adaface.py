# AdaFace (Kim et al., CVPR 2022), with its three augmentations.
_base_ = ['_base_/drawn_faces.py']
model = dict(head=dict(_delete_=True, type='AdaFaceHead', scale=64, margin=.4, concentration=.333))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='RandomZeroCrop', prob=.2), dict(type='RandomLowResolution', prob=.2),
    dict(type='RandomPhotometric', prob=.2),
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 2))]))
search = {'model.head.margin': [.3, .4, .5]}
