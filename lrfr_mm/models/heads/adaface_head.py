"""AdaFace: a margin that adapts to how good an image is."""
from __future__ import annotations

import torch

from lrfr_mm.models.heads.margin_head import MarginHead
from lrfr_mm.registry import MODELS

__all__ = ['AdaFaceHead']


@MODELS.register_module()
class AdaFaceHead(MarginHead):
    """cos(theta + g_angle) - g_add on the target (AdaFace; Kim et al., CVPR 2022, eq. 9 to 12).

    ``g_angle = -m z`` and ``g_add = m z + m``, where z is the embedding's length, normalised over
    the recent batches and clipped to -1 to 1: hard samples weigh more where the image is good.

    Args:
        num_classes, in_channels: See MarginHead.
        scale: Factor s.
        margin: m.
        concentration: h; the normalised length is multiplied by it.
        momentum: Share of the newest batch in the running mean and deviation of the lengths.
    """

    def __init__(self, num_classes: int, in_channels: int = 512, scale: float = 64.,
                 margin: float = .4, concentration: float = .333, momentum: float = .01):
        super().__init__(num_classes, in_channels, scale, margin)
        self.concentration, self.momentum = concentration, momentum
        self.register_buffer('length_mean', torch.tensor(20.))
        self.register_buffer('length_std', torch.tensor(100.))

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        lengths = norms.clamp(.001, 100)
        if self.training and len(lengths) > 1:
            with torch.no_grad():
                self.length_mean.lerp_(lengths.mean().to(self.length_mean.dtype), self.momentum)
                self.length_std.lerp_(lengths.std().to(self.length_std.dtype), self.momentum)
        z = (lengths - self.length_mean) / (self.length_std + 1e-3) * self.concentration
        z = z.clamp(-1, 1).to(cosine.dtype)
        theta = torch.acos(cosine.clamp(-1 + 1e-7, 1 - 1e-7)) - self.margin * z
        return torch.cos(theta.clamp(1e-3, torch.pi - 1e-3)) - self.margin * (1 + z)
