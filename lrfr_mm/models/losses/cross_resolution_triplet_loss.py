"""Triplets whose anchor is of one resolution and whose others are of the other."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.mining import distances, hardest, several_people
from lrfr_mm.registry import MODELS

__all__ = ['CrossResolutionTripletLoss']


@MODELS.register_module()
class CrossResolutionTripletLoss(EmbeddingLoss):
    """max(0, |a - p|^2 - |a - n|^2 + m) with an LR anchor and HR positives and negatives, the HR
    embeddings fixed (TCN; Zha and Chao, ICASSP 2019).

    The mean over the anchors, of unit vectors, with each anchor's farthest positive (its own HR
    view is one) and nearest negative. With ``anchors=('lr', 'hr')``, HR anchors with LR positives
    and negatives are added (DATL, 2019). Deviation: the papers were not at hand; mining and margin
    are ours, and the fixed HR branch is the HR view without gradient, not a second network.

    Args:
        margin: m, from 0 to 4.
        anchors: 'lr', 'hr' or both; the terms are added.
        fixed_hr: Send no gradient through the HR embeddings.
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    needs = ('lr', 'labels')

    def __init__(self, margin: float = .2, anchors: Sequence[str] = ('lr',), fixed_hr: bool = True,
                 loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if not 0 <= margin <= 4:
            raise ValueError(f'margin must be from 0 to 4, got {margin}')
        if not anchors or set(anchors) - {'lr', 'hr'}:
            raise ValueError(f"anchors must be some of 'lr' and 'hr', got {anchors}")
        self.margin, self.anchors, self.fixed_hr = margin, tuple(anchors), fixed_hr

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        several_people(batch.labels, type(self).__name__)
        same = batch.labels[:, None] == batch.labels
        hr = batch.unit_hr.detach() if self.fixed_hr else batch.unit_hr
        squared = distances(batch.unit_lr, hr).square()
        loss = 0.
        for anchors in self.anchors:
            positive, negative = hardest(squared if anchors == 'lr' else squared.T, same, ~same)
            loss = loss + F.relu(positive - negative + self.margin).mean()
        return loss
