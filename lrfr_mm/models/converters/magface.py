"""IrvingMeng/MagFace."""
from __future__ import annotations

from lrfr_mm.models.converters.base import Converter
from lrfr_mm.models.converters.layouts import IResNetLayout
from lrfr_mm.registry import CONVERTERS

__all__ = ['MagFaceConverter']


@CONVERTERS.register_module()
class MagFaceConverter(Converter):
    """Checkpoints of MagFace (Meng et al., CVPR 2021): insightface's network under ``features``.

    Its batch norms add 2e-5, and its inference script reads BGR (OpenCV) and divides by 255.
    """

    kind, project = 'magface', 'MagFace'
    layouts = (IResNetLayout(norm_eps=2e-5),)
    mean, std = 0., 255.
    channel_order = 'bgr'
    class_weights, classes_first = ('fc.weight',), False

    def claim(self, layout, prefix, tensors) -> int:
        return 2 if 'features' in prefix.split('.') else 0
