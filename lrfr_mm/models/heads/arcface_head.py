"""ArcFace, and the margin that combines it with CosFace and SphereFace."""
from __future__ import annotations

import math

import torch

from lrfr_mm.models.heads.angles import angle_of, margin_on_angle, monotone_cosine
from lrfr_mm.models.heads.margin_head import MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['ArcFaceHead']


@MODELS.register_module()
class ArcFaceHead(MarginHead):
    """s (cos(m1 theta + m2) - m3) on the target (ArcFace; Deng et al., CVPR 2019, eq. 3 and 4).

    With m1 = 1, where theta + m2 exceeds pi the target is cos(theta) - m2 sin(m2) - m3, as in the
    authors' code. Deviation: with another m1, for which the authors' code has no such rule,
    cos(m1 theta + m2) goes on falling beyond pi as SphereFace's psi does.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s.
        margin: m2 in radians, from 0 to pi.
        m1: Factor of the angle, at least 1.
        m2: The same as ``margin``, under the paper's name.
        m3: Margin on the cosine, from 0 to 1.
        num_centres: See MarginHead.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 margin: float = .5, m1: float = 1., m2: float | None = None, m3: float = 0.,
                 num_centres: int = 1, init_cfg: dict | None = None):
        margin = margin if m2 is None else m2
        check_range('margin', margin, 0, math.pi)
        check_range('m1', m1, 1, math.inf)
        check_range('m3', m3, 0, 1)
        super().__init__(num_classes, in_channels, scale, margin, num_centres, init_cfg)
        self.m1, self.m3 = m1, m3

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        if self.m1 == 1:
            return margin_on_angle(cosine, self.margin) - self.m3
        return monotone_cosine(self.m1 * angle_of(cosine) + self.margin) - self.m3
