# Table 4, paug ours1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 60.3, 95.3, 98.8, 84.8, 90.35, 99.02
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 28, 56), ratio=(1, 1, 1, 1))]))
