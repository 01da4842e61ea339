# Table 4, aug l1. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 67.3, 94.5, 94.8, 85.5, 85.23, 98.57
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(_delete_=True, type='LpDistanceLoss', p=1))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
