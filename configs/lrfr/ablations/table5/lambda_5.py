# Table 5, lambda 5.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=5))
