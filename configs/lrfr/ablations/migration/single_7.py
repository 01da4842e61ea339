# One resolution: 7 px.
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7,), ratio=(1,))]))
