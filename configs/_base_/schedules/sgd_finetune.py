# Fine-tuning on a few thousand faces: a tenth of the last training rate, a short cosine. (The paper
# gives no schedule for it.)
train_cfg = dict(type='FaceTrainLoop', max_epochs=10, val_interval=10)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='SGD', lr=.001, momentum=.9, weight_decay=5e-4))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=10,
                        convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=64)  # images of a step, all ranks
