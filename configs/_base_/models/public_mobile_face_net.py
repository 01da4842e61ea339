# The public MobileFaceNet that `make real` fetches and converts; RGB, (x - 127.5) / 128.
model = dict(
    type='LRFRecognizer',
    data_preprocessor=dict(type='FacePreprocessor', mean=127.5, std=128.),
    backbone=dict(type='FoldedMobileFaceNet'),
    neck=dict(type='FoldedGDCNeck', embed_dim=192))
