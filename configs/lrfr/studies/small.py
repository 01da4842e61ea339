# The demo made small enough for tables of many rows and seeds: 120 drawn people, a minute a run on
# one core. Also measured: how it does on degradations that it was not trained on.
_base_ = ['../demo.py']
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=2,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=2, end=10,
                        convert_to_iter_based=True)]
train_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(source=dict(num_identities=120, images_per_identity=16)))
val_dataloader = dict(
    num_workers=0,
    dataset=[dict(type='SampledPairs', name='synthetic', num_pairs=3000, seed=0,
                  alignment='drawn on the five-point template',
                  source=dict(type='SyntheticFaces', num_identities=100, images_per_identity=8,
                              first_identity=1000000, cache='data/synthetic'))])
test_dataloader = val_dataloader
_sweep = dict(type='ResolutionSweep', benchmark='synthetic', flip_test='none', ssim_images=0)
test_evaluator = [dict(_sweep, resolutions=(7, 14, 20, 28, 112)),
                  dict(_sweep, resolutions=(7, 14, 20), sides='cross'),
                  *[dict(_sweep, resolutions=(7, 14), degradation=kind, prefix=kind)
                    for kind in ('opencv', 'area', 'bilinear', 'nearest', 'camera')]]
default_hooks = dict(checkpoint=dict(interval=10))
