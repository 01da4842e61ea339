"""CurricularFace: hard negatives weigh more as the training goes on."""
from __future__ import annotations

import math

import torch

from lrfr_mm.models.heads.angles import cosine_of_sum, margin_on_angle
from lrfr_mm.models.heads.margin_head import CosineBatch, MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['CurricularFaceHead']


@MODELS.register_module()
class CurricularFaceHead(MarginHead):
    """ArcFace's target, and N(t, c) = c (t + c) for each negative cosine c that exceeds
    cos(theta_y + m) (CurricularFace; Huang et al., CVPR 2020, eq. 5 to 8).

    t is the exponential moving average of the batches' mean target cosine, from 0 on, and is
    updated before it is used. Where theta_y + m exceeds pi, see :class:`ArcFaceHead`.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s.
        margin: m in radians, from 0 to pi.
        momentum: Share of the newest batch in t.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 margin: float = .5, momentum: float = .01, init_cfg: dict | None = None):
        check_range('margin', margin, 0, math.pi)
        check_range('momentum', momentum, 0, 1)
        super().__init__(num_classes, in_channels, scale, margin, init_cfg=init_cfg)
        self.momentum = momentum
        self.register_buffer('t', torch.tensor(0.))

    def update_statistics(self, cosine: torch.Tensor, norms: torch.Tensor) -> None:
        self.t.lerp_(cosine.mean().to(self.t.dtype), self.momentum)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        return margin_on_angle(cosine, self.margin)

    def other_cosines(self, batch: CosineBatch) -> torch.Tensor:
        c = batch.cosines
        hard = c.detach() > cosine_of_sum(batch.target, self.margin)
        return torch.where(hard, c * (self.t.to(c.dtype) + c), c)
