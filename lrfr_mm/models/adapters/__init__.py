from lrfr_mm.models.adapters.image_quality import DetailQuality
from lrfr_mm.models.adapters.lora import LoRABackbone
from lrfr_mm.models.adapters.mixed_lora import MixedLoRABackbone

__all__ = ['DetailQuality', 'LoRABackbone', 'MixedLoRABackbone']
