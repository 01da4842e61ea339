"""How much detail an image has, as a number without training."""
from __future__ import annotations

import math

import torch
from mmengine.model import BaseModule
from torch.nn import functional as F

from lrfr_mm.registry import MODELS

__all__ = ['DetailQuality']


@MODELS.register_module()
class DetailQuality(BaseModule):
    """Quality of a face from the energy that a halving of its side removes.

    An image that was enlarged from fewer pixels loses nothing when it is halved; a sharp one loses
    its detail. With e the root mean square of what is lost, over that of the image without its
    mean, the score is sigmoid(slope * (ln e - ln centre)): near 0 for enlarged images, near 1 for
    sharp ones. Noise counts as detail.

    Args:
        centre: The share e whose score is 1/2. Aligned photographs have 0.04 to 0.15 at 112 px,
            at most 0.026 at 20 px and 0.014 at 7 px.
        slope: Steepness of the score.
    """

    def __init__(self, centre: float = .03, slope: float = 6., init_cfg: dict | None = None):
        super().__init__(init_cfg)
        if centre <= 0:
            raise ValueError(f'centre must be above 0, got {centre}')
        self.centre, self.slope = centre, slope

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised or raw images, float (B, 3, H, W), to scores (B,) from 0 to 1."""
        x = images.float()
        half = F.interpolate(x, scale_factor=.5, mode='bilinear', antialias=True)
        lost = x - F.interpolate(half, x.shape[-2:], mode='bicubic')
        share = lost.square().mean((1, 2, 3)).sqrt() / (
            x - x.mean((2, 3), keepdim=True)).square().mean((1, 2, 3)).sqrt().clamp(min=1e-6)
        return torch.sigmoid(self.slope * (share.clamp(min=1e-6).log()
                                           - math.log(self.centre)))
