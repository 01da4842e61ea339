# What all systems share: drawn faces, a network that two CPU cores can train, CosFace on both views
# of each face. A system's config changes its method alone, and names in ``search`` the values of
# its main hyper-parameter to try: the key of the config, as for --cfg-options, and a list.
_base_ = ['../../_base_/datasets/synthetic.py', '../../_base_/schedules/adamw_short.py',
          '../../_base_/default_runtime.py']
model = dict(
    type='LRFRecognizer',
    data_preprocessor=dict(type='FacePreprocessor'),
    backbone=dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_050', out='pooled'),
    neck=dict(type='PoolNeck', embed_dim=256),
    head=dict(type='CosFaceHead', scale=48, margin=.4))
