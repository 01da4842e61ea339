# On what `tools/study.py methods` compares: the small network of the demo, which a CPU core trains
# in steps of half a second, and ten faces of each of 300 drawn people. A run writes one checkpoint,
# at its end, and no page.
_base_ = ['../../methods/_base_/drawn_faces.py']
model = dict(channels_last=True)
train_cfg = dict(max_epochs=8)
param_scheduler = [dict(type='LinearLR', start_factor=.05, by_epoch=True, begin=0, end=1,
                        convert_to_iter_based=True),
                   dict(type='CosineAnnealingLR', by_epoch=True, begin=1, end=8,
                        convert_to_iter_based=True)]
train_dataloader = dict(num_workers=0, persistent_workers=False,
                        dataset=dict(source=dict(num_identities=300, images_per_identity=10)))
env_cfg = dict(cudnn_benchmark=False)  # its search takes longer than it saves in so short a run
visualizer = dict(vis_backends=[])
default_hooks = dict(checkpoint=dict(interval=1000, max_keep_ckpts=1, save_best=None))
custom_hooks = [dict(type='InvalidLossHook'), dict(type='ReportHook', page=False)]
test_cfg = dict(cache=None, degraded='data/degraded')
