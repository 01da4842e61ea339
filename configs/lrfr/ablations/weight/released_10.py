# LogFExp in the form of the released code, lambda = 10.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(form='released', loss_weight=10))
