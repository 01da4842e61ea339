# L1 distance, lambda = 100.
_base_ = ['../../r34_webface.py']
model = dict(contrast_loss=dict(_delete_=True, type='LpDistanceLoss', p=1, loss_weight=100))
