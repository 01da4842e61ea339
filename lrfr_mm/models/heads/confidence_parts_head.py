"""Classification by an embedding in parts with confidences."""
from __future__ import annotations

import math

import torch

from lrfr_mm.models.heads.margin_head import MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['ConfidencePartsHead']


@MODELS.register_module()
class ConfidencePartsHead(MarginHead):
    """Cross-entropy of z_j = sum_k s_k cos_jk / K, with z_y - m on the target (URL; Shi et al.,
    CVPR 2020, eq. 4 and 5).

    The embedding is that of ``ConfidencePartsNeck``, whose part k has length s_k. With unit weights
    for each part, z_j is |f| / sqrt(K) times the cosine of the whole vectors, which is how it is
    computed. Deviation: the weights of a class are normalised as one vector, so its parts may
    differ in length.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        parts: K.
        margin: m, on the logit; 12 is CosFace's 0.4 at a confidence of 30.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, parts: int = 16,
                 margin: float = 12., init_cfg: dict | None = None):
        if parts < 1 or in_channels % parts:
            raise ValueError(f'an embedding of {in_channels} numbers cannot be cut into {parts} '
                             'equal parts')
        check_range('margin', margin, 0, math.inf)
        super().__init__(num_classes, in_channels, margin=margin, init_cfg=init_cfg)
        self.parts = parts

    def logit_scale(self, norms: torch.Tensor) -> torch.Tensor:
        return norms / math.sqrt(self.parts)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        return cosine - self.margin / self.logit_scale(norms).clamp(min=1e-6)
