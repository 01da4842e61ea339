from lrfr_mm.models.heads.cosface_head import CosFaceHead
from lrfr_mm.models.heads.margin_head import MarginHead

__all__ = ['CosFaceHead', 'MarginHead']
