"""The student classifies with the teacher's class centres."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.heads.split_softmax import Processes, gather_rows
from lrfr_mm.models.losses.distillation import DistillationLoss
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch
from lrfr_mm.registry import MODELS

__all__ = ['ClassCenterDistillationLoss']


@MODELS.register_module()
class ClassCenterDistillationLoss(DistillationLoss):
    """CosFace on centres that come from the teacher (AdaDistill; Boutros et al., ECCV 2024).

    A centre is a moving average of the teacher's unit embeddings of its class, updated before it is
    used, and receives no gradient::

        c_y <- a c_y + (1 - a) t,    a = max(0, cos(f, t))
        loss = cross-entropy of s (cos(f, c_j) - m [j = y])

    While the student f is far from the teacher t, the centre is the teacher's embedding of the very
    image; later it is the average over the class. Deviations: of several samples of a class in a
    batch, the mean of a and of t is used; classes that were not seen yet take no part in the
    softmax; neither the paper nor its code was at hand, so the form of ``a`` is the nearest one.

    Args:
        num_classes: Identities; None for those of the head.
        scale: Factor s.
        margin: m, from 0 to 1.
        views, loss_weight, init_cfg: See DistillationLoss.
    """

    needs = ('labels',)

    def __init__(self, num_classes: int | None = None, scale: float = 64., margin: float = .35,
                 views: Sequence[str] = ('lr',), loss_weight: float = 1.,
                 init_cfg: dict | None = None):
        super().__init__(views, loss_weight, init_cfg)
        if not 0 <= margin <= 1:
            raise ValueError(f'margin must be from 0 to 1, got {margin}')
        self.num_classes, self.scale, self.margin = num_classes, scale, margin
        self.register_buffer('centres', None)

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        if self.centres is None:
            self._allocate(batch)
        return super().compute(batch)

    def _allocate(self, batch: EmbeddingBatch) -> None:
        classes = self.num_classes or getattr(batch.head, 'num_classes', None)
        if classes is None:
            raise ConfigError('ClassCenterDistillationLoss does not know the number of classes: '
                              'set its num_classes, or model.head')
        self.centres = batch.teacher.new_zeros(classes, batch.teacher.shape[1])

    def distance(self, student: torch.Tensor, batch: EmbeddingBatch) -> torch.Tensor:
        unit = F.normalize(student)
        if self.training:
            self.update_centres(unit.detach(), batch.unit_teacher, batch.labels)
        cosines = F.linear(unit, F.normalize(self.centres.to(unit.dtype)))
        cosines = cosines.masked_fill(~self.centres.any(1), -1)
        margins = self.margin * F.one_hot(batch.labels, len(self.centres)).to(cosines.dtype)
        return F.cross_entropy(self.scale * (cosines - margins), batch.labels)

    @torch.no_grad()
    def update_centres(self, unit: torch.Tensor, teacher: torch.Tensor,
                       labels: torch.Tensor) -> None:
        """Update the centres with the samples of all processes.

        Args:
            unit, teacher: Unit embeddings of student and teacher, (B, D).
            labels: int64 (B,).
        """
        group = Processes.current()
        alpha = (unit * teacher).sum(1, keepdim=True).clamp(min=0)
        rows, labels = gather_rows(torch.cat([alpha, teacher], 1), group), gather_rows(labels,
                                                                                       group)
        classes, members, counts = labels.unique(return_inverse=True, return_counts=True)
        means = rows.new_zeros(len(classes), rows.shape[1]).index_add(0, members, rows)
        means /= counts[:, None]
        old = F.normalize(self.centres[classes].to(rows.dtype))
        alpha, taught = means[:, :1] * old.any(1, keepdim=True), means[:, 1:]
        self.centres[classes] = (alpha * old + (1 - alpha) * taught).to(self.centres.dtype)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        saved = state_dict.get(f'{prefix}centres')
        if saved is not None:
            self.centres = torch.zeros_like(saved)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
