"""RPCL: the largest negative is unlearned."""
from __future__ import annotations

import torch

from lrfr_mm.models.heads.margin_head import CosineBatch, MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['RivalPenalizedHead']


@MODELS.register_module()
class RivalPenalizedHead(MarginHead):
    """s (cos(theta_y) - m) on the target and s (cos(theta_r) + m_r) on the rival, the class with
    the largest non-target cosine (RPCL; Li, Tu and Xu, Neural Networks 2022, arXiv 2108.01286).

    The rival's margin points the other way, so the embedding moves away from it before it wins.
    Deviation: the paper's abstract was at hand, its values were not. The target's margin is
    CosFace's with CosFace's published values, and the rival's is a quarter of it.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s.
        margin: m, from 0 to 1.
        rival_margin: m_r, from 0 to 1.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 margin: float = .35, rival_margin: float = .0875, init_cfg: dict | None = None):
        check_range('margin', margin, 0, 1)
        check_range('rival_margin', rival_margin, 0, 1)
        super().__init__(num_classes, in_channels, scale, margin, init_cfg=init_cfg)
        self.rival_margin = rival_margin

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        return cosine - self.margin

    def other_cosines(self, batch: CosineBatch) -> torch.Tensor:
        margin = batch.cosines.new_tensor(self.rival_margin)
        return batch.cosines.index_put(batch.rivals(), margin, accumulate=True)
