# Table 4, aug. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 71.5, 92.8, 96.3, 86.8, 84.33, 98.65
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=None)
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
