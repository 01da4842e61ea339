"""CosFace (Wang et al., CVPR 2018), the paper's classification loss."""
from __future__ import annotations

import torch

from lrfr_mm.models.heads.margin_head import MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['CosFaceHead']


@MODELS.register_module()
class CosFaceHead(MarginHead):
    """Cross-entropy of s * (cos(theta_j) - m * [j = label]) (CosFace, eq. 4; paper, L_cls).

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s; the paper uses 48.
        margin: Cosine margin m, from 0 to 1; the paper uses 0.4.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 48.,
                 margin: float = .4, init_cfg: dict | None = None):
        check_range('margin', margin, 0, 1)
        super().__init__(num_classes, in_channels, scale, margin, init_cfg=init_cfg)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        return cosine - self.margin
