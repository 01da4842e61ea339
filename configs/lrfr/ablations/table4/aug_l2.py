# Table 4, aug l2. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 71.8, 90, 92.8, 84.8, 84.87, 98.5
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(_delete_=True, type='LpDistanceLoss', p=2))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
