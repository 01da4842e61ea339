default_scope = 'lrfr_mm'
randomness = dict(seed=None)
env_cfg = dict(cudnn_benchmark=True,
               mp_cfg=dict(mp_start_method='fork', opencv_num_threads=1),
               dist_cfg=dict(backend='nccl', timeout=1800))  # seconds of a collective operation
model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False,
                         gradient_as_bucket_view=True)
log_processor = dict(by_epoch=True, window_size=50)
visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend'),
                                                   dict(type='TensorboardVisBackend')])
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='FaceCheckpointHook', interval=1, max_keep_ckpts=3, save_last=True,
                    save_best='auto'),
    sampler_seed=dict(type='DistSamplerSeedHook'))
custom_hooks = [dict(type='InvalidLossHook'), dict(type='ReportHook')]
val_cfg = dict(type='BenchmarkLoop')
test_cfg = dict(type='BenchmarkLoop', cache='work_dir')
load_from = None  # a checkpoint to fine-tune from
load_from_head = 'drop'  # its head: 'drop', 'keep' where it fits, or 'error' where it does not
resume = False
