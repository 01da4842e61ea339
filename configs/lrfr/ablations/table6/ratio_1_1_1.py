# Table 6, ratio 1 1 1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 72.5, 96.5, 98.3, 89.1, 91.45, 98.88
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 1))]))
