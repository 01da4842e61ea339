"""MagFace: the length of an embedding tells the quality of its image."""
from __future__ import annotations

import math

import torch

from lrfr_mm.models.heads.angles import margin_on_angle
from lrfr_mm.models.heads.margin_head import MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['MagFaceHead']


@MODELS.register_module()
class MagFaceHead(MarginHead):
    """s cos(theta + m(a)) on the target and a regulariser (MagFace; Meng et al., CVPR 2021, eq. 3).

    The margin grows linearly with the embedding's length a, clamped to l_a to u_a::

        m(a) = (u_m - l_m) / (u_a - l_a) (a - l_a) + l_m
        regulariser = lambda_g (1 / a + a / u_a^2)

    Both carry gradient to the length: easy images are drawn to u_a by the regulariser, and large
    margins push hard ones back. Beyond pi, see :class:`ArcFaceHead`.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s.
        lower_length, upper_length: l_a and u_a, 0 < l_a < u_a.
        lower_margin, upper_margin: l_m and u_m in radians, 0 <= l_m <= u_m <= pi.
        length_weight: lambda_g.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 lower_length: float = 10., upper_length: float = 110., lower_margin: float = .45,
                 upper_margin: float = .8, length_weight: float = 35.,
                 init_cfg: dict | None = None):
        if not 0 < lower_length < upper_length:
            raise ValueError('lower_length must be above 0 and below upper_length, got '
                             f'{lower_length} and {upper_length}')
        check_range('upper_margin', upper_margin, 0, math.pi)
        check_range('lower_margin', lower_margin, 0, upper_margin)
        super().__init__(num_classes, in_channels, scale, upper_margin, init_cfg=init_cfg)
        self.lower_length, self.upper_length = lower_length, upper_length
        self.lower_margin, self.upper_margin = lower_margin, upper_margin
        self.length_weight = length_weight

    def _clamped(self, norms: torch.Tensor) -> torch.Tensor:
        return norms.clamp(self.lower_length, self.upper_length)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        slope = (self.upper_margin - self.lower_margin) / (self.upper_length - self.lower_length)
        margin = slope * (self._clamped(norms) - self.lower_length) + self.lower_margin
        return margin_on_angle(cosine, margin)

    def length_loss(self, norms: torch.Tensor) -> torch.Tensor:
        length = self._clamped(norms)
        return self.length_weight * (1 / length + length / self.upper_length ** 2)
