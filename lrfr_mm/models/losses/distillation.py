"""What the losses against a frozen teacher share."""
from __future__ import annotations

from collections.abc import Sequence

import torch

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss

__all__ = ['DistillationLoss']


class DistillationLoss(EmbeddingLoss):
    """The mean over the student's views of a loss against the teacher's embeddings of the HR view.

    A new loss overrides :meth:`distance`, and sets ``same_size`` where the embeddings of student
    and teacher must be equally long.

    Args:
        views: Views of the student: 'lr', 'hr' or both.
        loss_weight, init_cfg: See EmbeddingLoss.

    Raises:
        ValueError: For other ``views``.
        ConfigError: In a step, if the embedding sizes differ.
    """

    same_size = True

    def __init__(self, views: Sequence[str] = ('lr',), loss_weight: float = 1.,
                 init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if not views or set(views) - {'lr', 'hr'}:
            raise ValueError(f"views must be some of 'lr' and 'hr', got {views}")
        self.views = tuple(views)
        self.needs = (*self.needs, 'teacher', *(['lr'] if 'lr' in views else []))

    def distance(self, student: torch.Tensor, batch: EmbeddingBatch) -> torch.Tensor:
        """Scalar loss of one view's embeddings (B, D)."""
        raise NotImplementedError

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        size, teacher_size = batch.hr.shape[1], batch.teacher.shape[1]
        if self.same_size and size != teacher_size:
            raise ConfigError(f'{type(self).__name__} compares embeddings of one size: the '
                              f"teacher's have {teacher_size} numbers, the student's {size}. Set "
                              f'model.neck.embed_dim={teacher_size}, or use '
                              'RelationDistillationLoss')
        return torch.stack([self.distance(getattr(batch, view), batch)
                            for view in self.views]).mean()
