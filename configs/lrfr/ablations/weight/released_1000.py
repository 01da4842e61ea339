# LogFExp in the form of the released code, lambda = 1000.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(form='released', loss_weight=1000))
