# real_faces.py made shorter, for tables of many rows and seeds; see small.py.
_base_ = ['real_faces.py']
train_cfg = dict(max_epochs=16, val_interval=16)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=3,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=3, end=16,
                        convert_to_iter_based=True)]
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0)
test_dataloader = dict(num_workers=0, dataset=_base_.val_dataloader.dataset)
_sweep = dict(type='ResolutionSweep', flip_test='none', ssim_images=0)
test_evaluator = []
for _name in ('att', 'yaleb'):
    test_evaluator += [
        dict(_sweep, benchmark=_name, resolutions=(7, 14, 20, 28, 112), prefix=f'{_name}_sweep'),
        dict(_sweep, benchmark=_name, resolutions=(7, 14, 20), sides='cross',
             prefix=f'{_name}_cross'),
        *[dict(_sweep, benchmark=_name, resolutions=(7, 14), degradation=_kind,
               prefix=f'{_name}_{_kind}')
          for _kind in ('opencv', 'area', 'bilinear', 'nearest', 'camera')]]
default_hooks = dict(checkpoint=dict(interval=16))
