# Every resolution from 7 to 32 px, equally often.
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=tuple(range(7, 33)), ratio=(1,) * 26)]))
