# Table 4, aug.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=None)
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
