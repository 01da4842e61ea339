# The paper's model: ResNet-50, CosFace on both views, LogFExp between them.
model = dict(
    type='LRFRecognizer',
    data_preprocessor=dict(type='FacePreprocessor'),
    backbone=dict(type='FaceResNet', depth=50),
    neck=dict(type='EmbeddingNeck', embed_dim=512, dropout=.4),
    head=dict(type='CosFaceHead', scale=48, margin=.4),
    contrast_loss=dict(type='LogFExpLoss', p=1, loss_weight=1.))
