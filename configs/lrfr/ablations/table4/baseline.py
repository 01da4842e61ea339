# Table 4, baseline.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=None)
train_dataloader = dict(dataset=dict(pipeline=[dict(type='FaceFlip')]))
