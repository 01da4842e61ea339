# Table 4, aug l2.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(_delete_=True, type='LpDistanceLoss', p=2))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
