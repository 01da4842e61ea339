"""AdaFace: a margin that adapts to how good an image is."""
from __future__ import annotations

import torch

from lrfr_mm.models.heads.margin_head import MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['AdaFaceHead']


@MODELS.register_module()
class AdaFaceHead(MarginHead):
    """cos(theta + g_angle) - g_add on the target (AdaFace; Kim et al., CVPR 2022, eq. 9 to 12).

    ``g_angle = -m z`` and ``g_add = m z + m``, where z is the embedding's length, normalised over
    the recent batches and clipped to -1 to 1: hard samples weigh more where the image is good.
    Lengths are clipped to 0.001 to 100 and carry no gradient, as in the authors' code.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s.
        margin: m, from 0 to 1.
        concentration: h; the normalised length is multiplied by it.
        momentum: Share of the newest batch in the running mean and deviation of the lengths.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 margin: float = .4, concentration: float = .333, momentum: float = .01,
                 init_cfg: dict | None = None):
        check_range('margin', margin, 0, 1)
        super().__init__(num_classes, in_channels, scale, margin, init_cfg=init_cfg)
        self.concentration, self.momentum = concentration, momentum
        self.register_buffer('length_mean', torch.tensor(20.))
        self.register_buffer('length_std', torch.tensor(100.))

    def update_statistics(self, cosine: torch.Tensor, norms: torch.Tensor) -> None:
        lengths = norms.clamp(.001, 100)
        if len(lengths) > 1:
            self.length_mean.lerp_(lengths.mean().to(self.length_mean.dtype), self.momentum)
            self.length_std.lerp_(lengths.std().to(self.length_std.dtype), self.momentum)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        z = (norms.detach().clamp(.001, 100) - self.length_mean) / (self.length_std + 1e-3)
        z = (self.concentration * z).clamp(-1, 1).to(cosine.dtype)
        theta = torch.acos(cosine.clamp(-1 + 1e-7, 1 - 1e-7)) - self.margin * z
        return torch.cos(theta.clamp(1e-3, torch.pi - 1e-3)) - self.margin * (1 + z)
