# LogFExp as in the paper, lambda = 1000.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(loss_weight=1000))
