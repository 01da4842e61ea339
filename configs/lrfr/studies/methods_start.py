# The recognizer from whose backbone the methods of `lrfr/studies/methods_tuned` start: CosFace on
# sharp faces of 600 drawn people, none of whom that study trains or tests on.
_base_ = './methods_base.py'
train_cfg = dict(max_epochs=6)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=1,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=1, end=6,
                        convert_to_iter_based=True)]
train_dataloader = dict(dataset=dict(
    source=dict(num_identities=600, images_per_identity=20, first_identity=3000000),
    pipeline=[dict(type='FaceFlip')]))
