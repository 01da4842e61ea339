# Table 5, lambda 0.1.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=0.1))
