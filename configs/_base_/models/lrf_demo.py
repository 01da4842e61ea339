# The method around a network that two CPU cores can train.
model = dict(
    type='LRFRecognizer',
    data_preprocessor=dict(type='FacePreprocessor'),
    backbone=dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_050', out='pooled'),
    neck=dict(type='PoolNeck', embed_dim=256),
    head=dict(type='CosFaceHead', scale=48, margin=.4),
    contrast_loss=dict(type='LogFExpLoss', p=1, loss_weight=1.))
