from lrfr_mm.models.heads.adaface_head import AdaFaceHead
from lrfr_mm.models.heads.cosface_head import CosFaceHead
from lrfr_mm.models.heads.margin_head import MarginHead
from lrfr_mm.models.heads.partial_fc_head import PartialFCHead, head_memory

__all__ = ['AdaFaceHead', 'CosFaceHead', 'MarginHead', 'PartialFCHead', 'head_memory']
