"""A triplet across resolutions, and a negative pair that does not contain its anchor."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.mining import distances, hardest, several_people
from lrfr_mm.registry import MODELS

__all__ = ['CrossResolutionQuadrupletLoss']


@MODELS.register_module()
class CrossResolutionQuadrupletLoss(EmbeddingLoss):
    """Cross-resolution triplets with a second negative of a third person (DAQL, 2019)::

        max(0, |a - p|^2 - |a - n|^2 + m1) + max(0, |a - p|^2 - |k - n'|^2 + m2)

    a is the LR anchor, p and n its farthest HR positive and nearest HR negative, k (LR) and n' (HR)
    the nearest pair of two people of whom neither is the anchor's. The mean over the anchors, of
    unit vectors, the HR embeddings fixed. The second term is that of Chen et al., CVPR 2017, eq. 5,
    with the views exchanged. Deviation: the paper was not at hand; mining and margins are ours.

    Args:
        margin, second_margin: m1 and m2, from 0 to 4.
        fixed_hr: Send no gradient through the HR embeddings.
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    needs = ('lr', 'labels')

    def __init__(self, margin: float = .2, second_margin: float = .1, fixed_hr: bool = True,
                 loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        for name, value in (('margin', margin), ('second_margin', second_margin)):
            if not 0 <= value <= 4:
                raise ValueError(f'{name} must be from 0 to 4, got {value}')
        self.margin, self.second_margin, self.fixed_hr = margin, second_margin, fixed_hr

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        several_people(batch.labels, type(self).__name__, least=3)
        same = batch.labels[:, None] == batch.labels
        hr = batch.unit_hr.detach() if self.fixed_hr else batch.unit_hr
        squared = distances(batch.unit_lr, hr).square()
        positive, negative = hardest(squared, same, ~same)
        people, person = batch.labels.unique(return_inverse=True)
        absent = people[:, None] != batch.labels  # (P, B)
        pairs = absent[:, :, None] & absent[:, None] & ~same  # (P, B, B)
        strangers = squared.masked_fill(~pairs, torch.inf).flatten(1).min(1).values[person]
        return (F.relu(positive - negative + self.margin)
                + F.relu(positive - strangers + self.second_margin)).mean()
