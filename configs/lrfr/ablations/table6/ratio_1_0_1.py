# Table 6, ratio 1 0 1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 65.3, 94.8, 97.8, 86, 90.53, 99.02
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 0, 1))]))
