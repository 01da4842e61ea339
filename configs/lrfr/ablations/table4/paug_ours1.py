# Table 4, paug ours1.
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 28, 56), ratio=(1, 1, 1, 1))]))
