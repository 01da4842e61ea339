"""Triplets within and across the resolutions."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.mining import distances, hardest, pair_masks
from lrfr_mm.registry import MODELS

__all__ = ['OctupletLoss']


@MODELS.register_module()
class OctupletLoss(EmbeddingLoss):
    """The sum of four batch-hard triplet terms: HR-HR, HR-LR, LR-HR and LR-LR (Knoche et al., FG
    2023).

    Each term is the mean over the anchors of max(0, d(a, p) - d(a, n) + m), with Euclidean
    distances, the farthest positive p and the nearest negative n. As in the authors' code, a face's
    own other view is no positive. Deviations: an anchor without a positive counts nothing (there,
    its distance is 0); the authors' code takes the embeddings as they are, which is
    ``normalise=False``.

    Args:
        margin: m; from 0 to 2 for unit vectors.
        normalise: Make the embeddings unit vectors first.
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    needs = ('lr', 'labels')

    def __init__(self, margin: float = .5, normalise: bool = True, loss_weight: float = 1.,
                 init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if margin < 0 or (normalise and margin > 2):
            raise ValueError('margin must be at least 0, and at most 2 for unit vectors, got '
                             f'{margin}')
        self.margin, self.normalise = margin, normalise

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        same, different = pair_masks(batch.labels, type(self).__name__)
        hr, lr = (batch.unit_hr, batch.unit_lr) if self.normalise else (batch.hr, batch.lr)
        loss = 0.
        for anchors, others in ((hr, hr), (hr, lr), (lr, hr), (lr, lr)):
            positive, negative = hardest(distances(anchors, others), same, different)
            loss = loss + F.relu(positive - negative + self.margin).mean()
        return loss
