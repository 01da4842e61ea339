# L2 distance, lambda = 1000.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(_delete_=True, type='LpDistanceLoss', p=2, loss_weight=1000))
