# demo.py as a pure Python config of mmengine: bases by read_base(), components by their classes, so
# that an editor finds their definitions. Both styles mix freely.
# ruff: noqa: F403, F405
from mmengine.config import read_base

from lrfr_mm.datasets.transforms import MultiResAug
from lrfr_mm.models import (
    CosFaceHead,
    FacePreprocessor,
    LogFExpLoss,
    LRFRecognizer,
    PoolNeck,
    TIMMBackbone,
)

with read_base():
    from .._base_.datasets.synthetic import *
    from .._base_.default_runtime import *
    from .._base_.schedules.adamw_short import *

model = dict(
    type=LRFRecognizer,
    data_preprocessor=dict(type=FacePreprocessor),
    backbone=dict(type=TIMMBackbone, model_name='mobilenetv4_conv_small_050', out='pooled'),
    neck=dict(type=PoolNeck, embed_dim=256),
    head=dict(type=CosFaceHead, scale=48, margin=.4),
    contrast_loss=dict(type=LogFExpLoss, p=1, loss_weight=1.))
train_dataloader.update(dataset=dict(
    train_dataloader['dataset'],
    pipeline=[dict(type=MultiResAug, resolutions=(7, 14, 20), ratio=(1, 1, 2))]))
