"""The paper's LogFExp loss."""
from __future__ import annotations

import torch

from lrfr_mm.models.losses.contrast_loss import ContrastLoss
from lrfr_mm.registry import MODELS

__all__ = ['LogFExpLoss']


@MODELS.register_module(name=['LogFExpLoss', 'LogExpLoss'])
class LogFExpLoss(ContrastLoss):
    """Log of the summed exponentials of the element-wise distance (paper, L_LogFExp).

    With ``form='paper'``, the mean over the batch of::

        1 / (p D) * log(1 + sum_i (exp(|x_i - y_i|^p) - 1))

    With ``form='released'``, the quantity of the authors' code, one log over the whole batch::

        1 / (p B) * log(1 + sum_b sum_i (exp(|x_bi - y_bi|^p) - 1))

    The exponentials enter as expm1 and the log as log1p, so small distances keep their digits, and
    the gradient at distance 0 is 0.

    Args:
        p: Exponent, from 1 to 6 (above, exp of a distance near 2 leaves float32).
        form: 'paper' or 'released'.
        loss_weight: Factor lambda.

    Raises:
        ValueError: For another ``p`` or ``form``.
    """

    def __init__(self, p: float = 1, form: str = 'paper', loss_weight: float = 1.):
        super().__init__(loss_weight)
        if not 1 <= p <= 6:
            raise ValueError(f'p must be from 1 to 6, got {p}')
        if form not in ('paper', 'released'):
            raise ValueError(f"form must be 'paper' or 'released', got {form!r}")
        self.p, self.form = p, form

    def distance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        batch, dims = x.shape
        excess = torch.expm1((x - y).abs().pow(self.p))
        if self.form == 'released':
            return torch.log1p(excess.sum()) / (self.p * batch)
        return torch.log1p(excess.sum(1)).mean() / (self.p * dims)
