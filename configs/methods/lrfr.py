# The method of this package: LogFExp between the views.
_base_ = ['_base_/drawn_faces.py']
model = dict(contrast_loss=dict(type='LogFExpLoss', p=1, loss_weight=1.))
search = {'model.contrast_loss.loss_weight': [1., 10., 100.]}
