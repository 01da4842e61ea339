"""Triplets of embeddings and class weights."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.registry import MODELS

__all__ = ['NearestProxyTripletLoss']


@MODELS.register_module()
class NearestProxyTripletLoss(EmbeddingLoss):
    """max(0, |f - w_y|^2 - |f - w_nn|^2 + m) (NPT-Loss; Khalid et al., TPAMI 2023).

    f is the unit embedding, w_y the unit weight of its class, and w_nn that of the nearest other
    class, so that the hardest negative needs no search in the batch. The mean over the batch, and
    over both views where there are two. Deviation: the paper's margin was not at hand; the default
    is CosFace's 0.4 on the cosine, which is 0.8 on the squared distance.

    Args:
        margin: m, from 0 to 4.
        loss_weight, init_cfg: See EmbeddingLoss.

    Raises:
        ConfigError: In a step with a head whose classes are split over processes.
    """

    needs = ('labels', 'head')

    def __init__(self, margin: float = .8, loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if not 0 <= margin <= 4:
            raise ValueError(f'margin must be from 0 to 4, got {margin}')
        self.margin = margin

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        if getattr(batch.head, 'sharded', False):
            raise ConfigError('NearestProxyTripletLoss needs all class weights on one process: '
                              'use a head that is not split, such as CosFaceHead')
        views = [view for view in (batch.hr, batch.lr) if view is not None]
        return torch.stack([self._view(batch.head.logits(view), batch.labels)
                            for view in views]).mean()

    def _view(self, cosines: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        column = labels[:, None]
        own = cosines.gather(1, column)
        nearest = cosines.scatter(1, column, -torch.inf).max(1, keepdim=True).values
        # Squared distances of unit vectors are 2 - 2 cos.
        return F.relu(2 * (nearest - own) + self.margin).mean()
