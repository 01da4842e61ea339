"""Cosine distance between views."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.contrast_loss import ContrastLoss
from lrfr_mm.registry import MODELS

__all__ = ['CosineDistanceLoss']


@MODELS.register_module()
class CosineDistanceLoss(ContrastLoss):
    """Mean over the batch of 1 - cos(x, y)."""

    def distance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (1 - F.cosine_similarity(x, y, dim=1)).mean()
