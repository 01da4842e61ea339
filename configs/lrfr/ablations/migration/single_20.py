# One resolution: 20 px.
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(20,), ratio=(1,))]))
