# Table 6, ratio 2 1 1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 72.8, 96.8, 97.3, 88.9, 92.05, 98.75
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(2, 1, 1))]))
