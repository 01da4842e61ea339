# Table 6, ratio 1 2 1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 72.8, 95, 98, 88.6, 91.68, 98.82
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 2, 1))]))
