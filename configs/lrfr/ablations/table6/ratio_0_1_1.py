# Table 6, ratio 0 1 1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 71.5, 95.8, 98.3, 88.5, 83.52, 99.05
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(0, 1, 1))]))
