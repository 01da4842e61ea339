"""Two sets of adapters, mixed for each image by its quality."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from lrfr_mm.models.adapters.lora import LoRABackbone, inject_lora
from lrfr_mm.models.build import build_part
from lrfr_mm.registry import MODELS

__all__ = ['MixedLoRABackbone']

_SETS = ('default', 'lr')


class _Scores:
    """Scores (B,) of the batch that is being embedded; shared by the hooks of one backbone."""

    def __init__(self):
        self.values: torch.Tensor | None = None


class _Weigh:
    """Forward hook that scales each image's output by its score q, or by 1 - q.

    An object, not a function: a copy of the backbone (EMA) then has hooks with scores of its own.
    """

    def __init__(self, scores: _Scores, low: bool):
        self.scores, self.low = scores, low

    def __call__(self, module: nn.Module, inputs, output: torch.Tensor) -> torch.Tensor:
        weights = 1 - self.scores.values if self.low else self.scores.values
        return output * weights.to(output.dtype).view(-1, *[1] * (output.dim() - 1))


@MODELS.register_module()
class MixedLoRABackbone(LoRABackbone):
    """Two LoRA sets for images of high and of low quality, as PETALface has them (Narayan et al.,
    WACV 2025).

    Each adapted layer computes W x + q D_1 x + (1 - q) D_2 x with the score q of the image, from 0
    to 1. Since q is one number for each image, the adapters cannot be merged into W.

    Deviation: PETALface takes q from a trained network of image quality (CNN-IQA); ``quality`` here
    is a config, and its default needs no weights.

    Args:
        quality: Config of a module that maps images (B, 3, H, W), as the backbone gets them, to
            scores (B,) from 0 to 1.
        keep_sharp: Leave out the set for high quality: sharp images then pass through the base
            network unchanged.
        base, checkpoint, target, rank, alpha, dropout: See LoRABackbone.
    """

    def __init__(self, base: dict, checkpoint: str | None = None, quality: dict | None = None,
                 target: Sequence[str] = ('linear', 'conv'), rank: int = 8,
                 alpha: float | None = None, dropout: float = 0., keep_sharp: bool = False,
                 init_cfg: dict | None = None):
        super().__init__(base, checkpoint, target, rank, alpha, dropout, init_cfg)
        if not keep_sharp:
            inject_lora(self.base, target, rank, alpha, dropout, _SETS[1])
        self.quality = build_part(quality or dict(type='DetailQuality'))
        self.keep_sharp = keep_sharp
        self._scores = _Scores()
        for module in self.base.modules():
            if not hasattr(module, 'lora_A'):
                continue
            if not keep_sharp:
                module.set_adapter(list(_SETS))
            for name in module.lora_A:
                # With keep_sharp the one set, 'default', is that for low quality.
                hook = _Weigh(self._scores, low=keep_sharp or name == _SETS[1])
                module.lora_B[name].register_forward_hook(hook)
                module.lora_A[name].requires_grad_(True)
                module.lora_B[name].requires_grad_(True)

    def forward(self, x: torch.Tensor, **options) -> torch.Tensor:
        """As the base network's; the scores are computed from ``x``."""
        self._scores.values = self.quality(x)
        return self.base(x, **options)

    def merged_state_dict(self) -> dict[str, torch.Tensor]:
        """Raises ValueError: adapters that are mixed for each image cannot be merged."""
        raise ValueError('MixedLoRABackbone mixes its adapters for each image: they cannot be '
                         'merged into one network; export the recognizer as it is')
