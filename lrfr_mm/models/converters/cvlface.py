"""mk-minchul/CVLface."""
from __future__ import annotations

from lrfr_mm.models.converters.base import Converter
from lrfr_mm.models.converters.layouts import IResNetLayout, IRLayout, ViTLayout
from lrfr_mm.registry import CONVERTERS

__all__ = ['CVLFaceConverter']


@CONVERTERS.register_module()
class CVLFaceConverter(Converter):
    """``model.pt`` and ``model.safetensors`` of CVLFace: transformers, KP-RPE, residual networks.

    Its networks are called ``net`` in the files, and see RGB, but for those whose ``model.yaml``
    says ``color_space: BGR`` (networks that were trained in the AdaFace project).
    """

    kind, project = 'cvlface', 'CVLFace'
    layouts = (ViTLayout(), IRLayout(), IResNetLayout())
    class_weights = ('classifier.weight', 'partial_fc.weight')

    def claim(self, layout, prefix, tensors) -> int:
        if prefix.split('.')[-2:-1] == ['net']:
            return 2
        # arcface_torch's transformers have patches of 9 px.
        patches = tensors.get('patch_embed.proj.weight')
        return 2 if patches is not None and patches.shape[-1] == 8 else 0

    def notes(self, architecture) -> list[str]:
        notes = super().notes(architecture)
        if architecture.backbone['type'] == 'IResNet':
            notes.append('RGB is assumed: use --channel-order bgr if the model.yaml or config.json '
                         "that came with the file says color_space 'BGR'")
        return notes
