"""CosFace (Wang et al., CVPR 2018), the paper's classification loss."""
from __future__ import annotations

import torch

from lrfr_mm.models.heads.margin_head import MarginHead
from lrfr_mm.registry import MODELS

__all__ = ['CosFaceHead']


@MODELS.register_module()
class CosFaceHead(MarginHead):
    """Cross-entropy of s * (cos(theta_j) - m * [j = label]) (CosFace, eq. 4; paper, L_cls).

    Args:
        num_classes: Number of identities C.
        in_channels: Embedding size D.
        scale: Factor s; the paper uses 48.
        margin: Cosine margin m; the paper uses 0.4.
    """

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        return cosine - self.margin
