"""Smooth L1 between views."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.contrast_loss import ContrastLoss
from lrfr_mm.registry import MODELS

__all__ = ['SmoothL1DistanceLoss']


@MODELS.register_module()
class SmoothL1DistanceLoss(ContrastLoss):
    """Mean of 0.5 d^2 / beta where d = |x_i - y_i| is below beta, else d - 0.5 beta.

    (Girshick, Fast R-CNN, ICCV 2015, eq. 3, with beta = 1 there.)

    Args:
        beta: Where the square turns into a line; unit-length embeddings of 512 numbers have
            elements near 0.04, so 1 would be L2 throughout.
        loss_weight: Factor lambda.
    """

    def __init__(self, beta: float = .02, loss_weight: float = 1.):
        super().__init__(loss_weight)
        if beta <= 0:
            raise ValueError(f'beta must be positive, got {beta}')
        self.beta = beta

    def distance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.smooth_l1_loss(x, y, beta=self.beta)
