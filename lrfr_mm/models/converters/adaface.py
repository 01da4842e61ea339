"""mk-minchul/AdaFace."""
from __future__ import annotations

from lrfr_mm.models.converters.base import Converter
from lrfr_mm.models.converters.layouts import IRLayout
from lrfr_mm.registry import CONVERTERS

__all__ = ['AdaFaceConverter']


@CONVERTERS.register_module()
class AdaFaceConverter(Converter):
    """Lightning checkpoints of AdaFace (Kim et al., CVPR 2022): BGR, as its README says."""

    kind, project = 'adaface', 'AdaFace'
    layouts = (IRLayout(),)
    channel_order = 'bgr'
    class_weights, classes_first = ('head.kernel',), False
