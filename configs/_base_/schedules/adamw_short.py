# A short run for small networks and small sets: AdamW, warm-up, cosine.
train_cfg = dict(type='FaceTrainLoop', max_epochs=14, val_interval=14)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='AdamW', lr=3e-3, weight_decay=.05))
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=2,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=2, end=14,
                        convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=64)  # images of a step, all ranks
