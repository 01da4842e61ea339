"""Base of the losses that pull the embeddings of two views of one face together."""
from __future__ import annotations

import torch

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss

__all__ = ['ContrastLoss']


class ContrastLoss(EmbeddingLoss):
    """A distance between two sets of embeddings, computed in float32 or better under autocast.

    A new loss overrides :meth:`distance`, which gets float32 or float64 tensors.

    Args:
        loss_weight: Factor lambda of the method's total loss (paper, section 3.4).
        init_cfg: mmengine's weight initialisation.
    """

    needs = ('lr',)

    def distance(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Scalar distance of ``x`` and ``y``, both (B, D), float32 or float64."""
        raise NotImplementedError

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        return self.distance(batch.unit_hr, batch.unit_lr)

    def forward(self, x: torch.Tensor | None = None, y: torch.Tensor | None = None, *,
                hr: torch.Tensor | None = None, lr: torch.Tensor | None = None,
                **context) -> torch.Tensor:
        """Weighted distance of two views.

        Called with ``x`` and ``y``, which are taken as they are: the formula on normalised
        vectors. Called with ``hr`` and ``lr``, embeddings as the network gives them, which are
        normalised first: what the recognizer does.

        Args:
            x, hr: Of the HR views, (B, D), any float dtype.
            y, lr: Of the LR views, (B, D).
            **context: What other losses need (labels, head, teacher).

        Returns:
            Scalar, float32 (float64 for float64 input).

        Raises:
            ValueError: If the shapes differ or are not (B, D).
        """
        if x is None:
            return super().forward(hr, lr, **context)
        if y is None or x.shape != y.shape or x.dim() != 2:
            raise ValueError(f'two (B, D) batches needed, got {tuple(x.shape)}, '
                             f'{None if y is None else tuple(y.shape)}')
        dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return self.loss_weight * self.distance(x.to(dtype), y.to(dtype))
