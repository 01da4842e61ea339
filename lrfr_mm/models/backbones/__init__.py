from lrfr_mm.models.backbones.face_resnet import FaceResNet
from lrfr_mm.models.backbones.timm_backbone import TIMMBackbone

__all__ = ['FaceResNet', 'TIMMBackbone']
