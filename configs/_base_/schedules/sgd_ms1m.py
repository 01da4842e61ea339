# The paper's schedule on MS1MV2: 16 epochs, lr 0.01, a tenth after 8 and 12.
train_cfg = dict(type='FaceTrainLoop', max_epochs=16, val_interval=1)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='SGD', lr=.01, momentum=.9, weight_decay=5e-4))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[8, 12], gamma=.1)]
auto_scale_lr = dict(enable=False, base_batch_size=256)  # images of a step, all ranks
