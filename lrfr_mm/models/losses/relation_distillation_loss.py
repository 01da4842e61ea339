"""The student's faces are to be as similar to each other as the teacher's."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.losses.distillation import DistillationLoss
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch
from lrfr_mm.registry import MODELS

__all__ = ['RelationDistillationLoss']


@MODELS.register_module()
class RelationDistillationLoss(DistillationLoss):
    """Mean over the pairs i != j of (cos(f_i, f_j) - cos(t_i, t_j))^2: the relation level of AIRD
    (Shi et al., 2024), after relational knowledge distillation (Park et al., CVPR 2019).

    The embeddings of student and teacher may differ in size. Deviation: AIRD's adaptive batch norm
    at test time is not part of a loss, and its exact kernel was not at hand.

    Args:
        views, loss_weight, init_cfg: See DistillationLoss.
    """

    same_size = False

    def distance(self, student: torch.Tensor, batch: EmbeddingBatch) -> torch.Tensor:
        if len(student) < 2:
            raise ConfigError('RelationDistillationLoss needs at least two faces in a batch')
        unit = F.normalize(student)
        error = (unit @ unit.T - batch.unit_teacher @ batch.unit_teacher.T).square()
        pairs = ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
        return error[pairs].mean()
