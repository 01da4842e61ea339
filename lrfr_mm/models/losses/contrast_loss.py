"""Base of the losses that pull the embeddings of two views of one face together."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule

__all__ = ['ContrastLoss']


class ContrastLoss(BaseModule):
    """A distance between two sets of embeddings, computed in float32 or better under autocast.

    A new loss overrides :meth:`distance`, which gets float32 or float64 tensors.

    Args:
        loss_weight: Factor lambda of the method's total loss (paper, section 3.4).
    """

    def __init__(self, loss_weight: float = 1.):
        super().__init__()
        self.loss_weight = loss_weight

    def distance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Scalar distance of ``x`` and ``y``, both (B, D), float32 or float64."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Weighted distance of two views.

        Args:
            x: L2-normalised embeddings of the HR views, (B, D), any float dtype.
            y: L2-normalised embeddings of the LR views, (B, D).

        Returns:
            Scalar, float32 (float64 for float64 input).

        Raises:
            ValueError: If the shapes differ or are not (B, D).
        """
        if x.shape != y.shape or x.dim() != 2:
            raise ValueError(f'two (B, D) batches needed, got {tuple(x.shape)}, {tuple(y.shape)}')
        dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return self.loss_weight * self.distance(x.to(dtype), y.to(dtype))
