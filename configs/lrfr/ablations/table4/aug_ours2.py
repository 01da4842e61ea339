# Table 4, aug ours2. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 72.5, 92.3, 94.3, 86.3, 86.88, 98.63
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(p=2))
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='MultiResAug', resolutions=(14,), ratio=(1,))]))
