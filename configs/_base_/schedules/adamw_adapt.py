# Adapting a trained network: few steps, a warm-up of 30, cosine to zero.
train_cfg = dict(type='FaceTrainLoop', max_epochs=4, val_interval=4)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.))
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=False, begin=0, end=30),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=4, eta_min=0.,
                        convert_to_iter_based=True)]
