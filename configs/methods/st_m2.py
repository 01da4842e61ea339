# ST-M2 (Knoche et al., 2021): BT-M and the distance between the two resolutions of a face. How
# ST-M1 and ST-M2 differ was not at hand; here ST-M2 has one minus the cosine.
_base_ = ['_base_/drawn_faces.py']
model = dict(contrast_loss=dict(type='CosineDistanceLoss', loss_weight=1.))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 28, 56), ratio=(1, 1, 1, 1))]))
search = {'model.contrast_loss.loss_weight': [.1, 1., 10.]}
