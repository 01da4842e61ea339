"""What a recognizer knows of sharp faces is to stay."""
from __future__ import annotations

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.registry import MODELS

__all__ = ['KeepHRLoss']


@MODELS.register_module()
class KeepHRLoss(EmbeddingLoss):
    """Mean over the batch of max(0, 1 - cos(f_hr, t) - tolerance), student against teacher.

    With the network before adaptation as the teacher t, the student's HR embeddings stay where they
    were. It is a term of this package, not of a paper.

    Args:
        tolerance: Distance, 1 - cosine, that costs nothing. The student may then move HR embeddings
            that little where it helps the LR views.
        loss_weight, init_cfg: See EmbeddingLoss.

    Raises:
        ValueError: For a negative tolerance; in a step, if the embedding sizes differ.
    """

    needs = ('teacher',)

    def __init__(self, tolerance: float = 0., loss_weight: float = 1.,
                 init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if not 0 <= tolerance < 2:
            raise ValueError(f'tolerance must be from 0 to below 2, got {tolerance}')
        self.tolerance = tolerance

    def compute(self, batch: EmbeddingBatch):
        if batch.hr.shape[1] != batch.teacher.shape[1]:
            raise ValueError(f'KeepHRLoss compares embeddings of one size: the teacher\'s have '
                             f'{batch.teacher.shape[1]} numbers, the student\'s '
                             f'{batch.hr.shape[1]}')
        distance = 1 - (batch.unit_hr * batch.unit_teacher).sum(1)
        return (distance - self.tolerance).clamp(min=0).mean()
