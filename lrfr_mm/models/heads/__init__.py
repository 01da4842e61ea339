from lrfr_mm.models.heads.adaface_head import AdaFaceHead
from lrfr_mm.models.heads.cosface_head import CosFaceHead
from lrfr_mm.models.heads.head_memory import class_range, head_memory
from lrfr_mm.models.heads.margin_head import MarginHead
from lrfr_mm.models.heads.partial_fc_head import PartialFCHead

__all__ = ['AdaFaceHead', 'CosFaceHead', 'MarginHead', 'PartialFCHead', 'class_range',
           'head_memory']
