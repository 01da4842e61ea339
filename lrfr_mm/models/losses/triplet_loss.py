"""FaceNet's triplets."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.mining import distances, pair_masks
from lrfr_mm.registry import MODELS

__all__ = ['TripletLoss']


@MODELS.register_module()
class TripletLoss(EmbeddingLoss):
    """max(0, |a - p|^2 - |a - n|^2 + m) with semi-hard negatives (FaceNet; Schroff et al., CVPR
    2015, eq. 3).

    The mean over all anchors a and positives p of the batch. The negative n is the nearest of those
    that are farther from a than p is, and the farthest one where none is. Embeddings are unit
    vectors. With an LR view, the batch is both views together.

    Args:
        margin: m, from 0 to 4 (squared distances of unit vectors).
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    needs = ('labels',)

    def __init__(self, margin: float = .2, loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if not 0 <= margin <= 4:
            raise ValueError(f'margin must be from 0 to 4, got {margin}')
        self.margin = margin

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        x, labels = batch.unit_hr, batch.labels
        if batch.lr is not None:
            x, labels = torch.cat([x, batch.unit_lr]), labels.repeat(2)
        same, different = pair_masks(labels, type(self).__name__)
        squared = distances(x, x).square()
        negatives = squared.masked_fill(~different, torch.inf).sort(1).values
        farther = torch.searchsorted(negatives.detach(), squared.detach(), right=True)
        farther = torch.minimum(farther, different.sum(1, keepdim=True) - 1)
        return F.relu(squared - negatives.gather(1, farther) + self.margin)[same].mean()
