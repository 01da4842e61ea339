# BT-M (Knoche et al., 2021): HR faces and faces at a random one of four resolutions, classification
# alone. There half the faces of a batch are of either kind; here each face is shown both ways, with
# half the weight each.
_base_ = ['_base_/drawn_faces.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 28, 56), ratio=(1, 1, 1, 1))]))
search = {'model.head.margin': [.3, .4, .5]}
