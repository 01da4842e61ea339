"""timesler/facenet-pytorch."""
from __future__ import annotations

from lrfr_mm.models.converters.base import Converter
from lrfr_mm.models.converters.layouts import InceptionLayout
from lrfr_mm.registry import CONVERTERS

__all__ = ['FaceNetPyTorchConverter']


@CONVERTERS.register_module()
class FaceNetPyTorchConverter(Converter):
    """Inception-ResNet-v1 of VGGFace2 or CASIA-WebFace: RGB, 160 px, (x - 127.5) / 128.

    It was trained on MTCNN's boxes, stretched to squares: ``crop`` is their mean place on the
    template, measured on 50 photographs of LFW.
    """

    kind, project = 'facenet_pytorch', 'facenet-pytorch'
    layouts = (InceptionLayout(),)
    std = 128.
    crop = (.15, .1, .845, 1.045)
    class_weights = ('logits.weight',)

    def notes(self, architecture) -> list[str]:
        return [*super().notes(architecture),
                "it was trained on crops of MTCNN's box: the config's data sets are cropped to it, "
                'Embedder takes such crops']
