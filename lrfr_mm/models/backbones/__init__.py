from lrfr_mm.models.backbones.face_resnet import FaceResNet
from lrfr_mm.models.backbones.face_transformer import FaceTransformer
from lrfr_mm.models.backbones.face_vit import FaceViT
from lrfr_mm.models.backbones.folded_mobile_face_net import FoldedMobileFaceNet
from lrfr_mm.models.backbones.inception_resnet_v1 import InceptionResNetV1
from lrfr_mm.models.backbones.iresnet import IResNet
from lrfr_mm.models.backbones.mobile_face_net import MobileFaceNet
from lrfr_mm.models.backbones.onnx_backbone import ONNXBackbone
from lrfr_mm.models.backbones.tflite_backbone import TFLiteBackbone
from lrfr_mm.models.backbones.timm_backbone import TIMMBackbone

__all__ = ['FaceResNet', 'FaceTransformer', 'FaceViT', 'FoldedMobileFaceNet', 'IResNet',
           'InceptionResNetV1', 'MobileFaceNet', 'ONNXBackbone', 'TFLiteBackbone',
           'TIMMBackbone']
