"""The student's LR embedding is to be the teacher's HR embedding."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.distillation import DistillationLoss
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch
from lrfr_mm.registry import MODELS

__all__ = ['FeatureDistillationLoss']


@MODELS.register_module()
class FeatureDistillationLoss(DistillationLoss):
    """Mean over the batch of |f - t|^2, student against teacher (Massoli et al., Image and Vision
    Computing 2020).

    Deviation: the vectors are normalised first, since they are compared by cosine afterwards;
    ``normalise=False`` takes them as they are.

    Args:
        normalise: Make both unit vectors first.
        views: Views of the student: 'lr', 'hr' or both; the mean of their losses.
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    def __init__(self, normalise: bool = True, views: Sequence[str] = ('lr',),
                 loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(views, loss_weight, init_cfg)
        self.normalise = normalise

    def distance(self, student: torch.Tensor, batch: EmbeddingBatch) -> torch.Tensor:
        if self.normalise:
            return (F.normalize(student) - batch.unit_teacher).square().sum(1).mean()
        return (student - batch.teacher).square().sum(1).mean()
