"""The distance that the paper compares its own with."""
from __future__ import annotations

import torch

from lrfr_mm.models.losses.contrast_loss import ContrastLoss
from lrfr_mm.registry import MODELS

__all__ = ['LpDistanceLoss']


@MODELS.register_module()
class LpDistanceLoss(ContrastLoss):
    """Mean over the batch of 1 / D * sum_i |x_i - y_i|^p (paper, L_p).

    Args:
        p: Exponent, at least 1.
        loss_weight: Factor lambda.
    """

    def __init__(self, p: float = 1, loss_weight: float = 1.):
        super().__init__(loss_weight)
        if p < 1:
            raise ValueError(f'p must be at least 1, got {p}')
        self.p = p

    def distance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x - y).abs().pow(self.p).mean()
