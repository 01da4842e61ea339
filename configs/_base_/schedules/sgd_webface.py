# The paper's schedule on CASIA-WebFace: 28 epochs, lr 0.1, a tenth after 16 and 24.
train_cfg = dict(type='FaceTrainLoop', max_epochs=28, val_interval=1)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='SGD', lr=.1, momentum=.9, weight_decay=5e-4))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[16, 24], gamma=.1)]
auto_scale_lr = dict(enable=False, base_batch_size=256)  # images of a step, all ranks
