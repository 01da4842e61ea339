# Table 4, aug ours1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 70, 94.8, 96.5, 87.1, 87.78, 98.6
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
