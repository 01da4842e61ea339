# As methods_base, from a trained recognizer: every method starts from the same backbone, trained by
# methods_start on sharp faces of other people, with a new neck and a new head. So a short training
# compares what the methods bring to a recognizer instead of how fast they begin to learn.
_base_ = './methods_base.py'
model = dict(backbone=dict(init_cfg=dict(
    type='Pretrained', checkpoint='data/methods_start.pth', prefix='backbone.')))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=4)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=.5,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=.5, end=4,
                        convert_to_iter_based=True)]
