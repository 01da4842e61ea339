"""deepinsight/insightface, recognition/arcface_torch."""
from __future__ import annotations

from lrfr_mm.models.converters.base import Converter
from lrfr_mm.models.converters.layouts import IResNetLayout, ViTLayout
from lrfr_mm.registry import CONVERTERS

__all__ = ['ArcFaceTorchConverter']


@CONVERTERS.register_module()
class ArcFaceTorchConverter(Converter):
    """``model.pt`` and ``backbone.pth`` of r18 to r200 and vit_t to vit_l, RGB.

    Class weights are in the training's ``checkpoint_gpu_RANK.pt``, a part of them on each rank.
    """

    kind, project = 'arcface_torch', 'arcface_torch'
    layouts = (IResNetLayout(), ViTLayout())
    class_weights = ('state_dict_softmax_fc.weight', 'module_partial_fc.weight')
