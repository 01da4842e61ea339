# Table 4, baseline. Published, SCface d1 d2 d3 mean | XQLFW | LFW:
# 40.3, 92.8, 98.5, 77.2, 68.95, 99.42
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=None)
train_dataloader = dict(dataset=dict(pipeline=[dict(type='FaceFlip')]))
