"""The student's similarities to many faces are to be the teacher's."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from lrfr_mm.models.losses.distillation import DistillationLoss
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch
from lrfr_mm.registry import MODELS

__all__ = ['SimilarityDistillationLoss']


@MODELS.register_module()
class SimilarityDistillationLoss(DistillationLoss):
    """Cross-entropy between the teacher's and the student's distribution of similarities to the
    teacher's HR embeddings of a queue of faces (SEED; Fang et al., ICLR 2021, eq. 3 to 5)::

        p_k = softmax_k(t . q_k / teacher_temperature),  s_k = softmax_k(f . q_k / temperature)
        loss = mean over the batch of -sum_k p_k log s_k

    The queue has the batch itself first, so an LR face must be nearer to the teacher's embedding of
    its own HR face than to those of other faces, by as much as in the teacher: what a comparison of
    an LR with an HR face is measured by. A distance to the own embedding alone does not say that.

    Deviation: the student's queue is the teacher's as in the paper, but each entry is a face, not a
    random crop, and until ``queue`` faces were seen the queue is shorter. The queue is no part of
    a checkpoint: a resumed training begins with an empty one.

    Args:
        queue: Faces of earlier batches that are kept.
        temperature: Of the student.
        teacher_temperature: Of the teacher; a smaller one makes the own face count more.
        views, loss_weight, init_cfg: See DistillationLoss.

    Raises:
        ValueError: For a negative ``queue`` or a temperature that is not above 0.
    """

    def __init__(self, queue: int = 2048, temperature: float = .1,
                 teacher_temperature: float = .05, views: Sequence[str] = ('lr',),
                 loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(views, loss_weight, init_cfg)
        if queue < 0:
            raise ValueError(f'queue must be at least 0, got {queue}')
        if temperature <= 0 or teacher_temperature <= 0:
            raise ValueError('temperatures must be above 0, got '
                             f'{temperature} and {teacher_temperature}')
        self.queue, self.temperature = queue, temperature
        self.teacher_temperature = teacher_temperature
        self._seen: torch.Tensor | None = None  # unit embeddings (n, D), the newest first

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        loss = super().compute(batch)
        self._seen = self._with_queue(batch.unit_teacher)[:self.queue].detach()
        return loss

    def distance(self, student: torch.Tensor, batch: EmbeddingBatch) -> torch.Tensor:
        teacher = batch.unit_teacher
        faces = self._with_queue(teacher)
        target = (teacher @ faces.T / self.teacher_temperature).softmax(1)
        return F.cross_entropy(F.normalize(student) @ faces.T / self.temperature, target)

    def _with_queue(self, teacher: torch.Tensor) -> torch.Tensor:
        """The batch's unit embeddings (B, D) and behind them the queue's."""
        return teacher if self._seen is None else torch.cat([teacher, self._seen.to(teacher)])
