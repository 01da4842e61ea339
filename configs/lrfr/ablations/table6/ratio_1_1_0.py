# Table 6, ratio 1 1 0. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 73.8, 94, 96.8, 88.2, 92.43, 98.68
_base_ = ['../../r34_webface.py']
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(7, 14, 20), ratio=(1, 1, 0))]))
