"""What a loss over embeddings may see, and the base of all such losses."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmengine.model import BaseModule
from torch import nn
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError

__all__ = ['EmbeddingBatch', 'EmbeddingLoss']


@dataclass
class EmbeddingBatch:
    """The embeddings of one training step and what belongs to them.

    All embeddings are as the networks give them, not L2-normalised, in float32 or float64.

    Attributes:
        hr: Embeddings of the HR views, (B, D).
        lr: Embeddings of the LR views of the same faces, (B, D); None without an LR view.
        labels: Identities, int64 (B,); None where there are none.
        head: The classification head, whose ``weight`` (C, D) holds the class weights, not
            normalised, and whose ``logits(embeddings)`` are cosines (B, C); None without one.
        teacher: Embeddings of the frozen teacher for the HR views, (B, D'), without gradient.
    """

    hr: torch.Tensor
    lr: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    head: nn.Module | None = None
    teacher: torch.Tensor | None = None

    @property
    def unit_hr(self) -> torch.Tensor:
        """``hr`` with unit length, (B, D)."""
        return F.normalize(self.hr)

    @property
    def unit_lr(self) -> torch.Tensor:
        """``lr`` with unit length, (B, D)."""
        return F.normalize(self.lr)

    @property
    def unit_teacher(self) -> torch.Tensor:
        """``teacher`` with unit length, (B, D')."""
        return F.normalize(self.teacher)


class EmbeddingLoss(BaseModule):
    """A scalar loss over the embeddings of a batch, computed in float32 or better under autocast.

    A new loss overrides :meth:`compute` and lists in ``needs`` which of 'lr', 'labels', 'head' and
    'teacher' it cannot do without.

    Args:
        loss_weight: Factor of the loss in the total.
        init_cfg: mmengine's weight initialisation.
    """

    needs: tuple[str, ...] = ()
    _MISSING = dict(
        lr='an LR view: put MultiResAug into the pipeline or multi_res into the data_preprocessor',
        labels='labels: use a data set with identities',
        head='a classification head: set model.head',
        teacher='a teacher: set model.teacher')

    def __init__(self, loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.loss_weight = loss_weight

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        """The unweighted loss, a scalar."""
        raise NotImplementedError

    def forward(self, hr: torch.Tensor, lr: torch.Tensor | None = None,
                labels: torch.Tensor | None = None, head: nn.Module | None = None,
                teacher: torch.Tensor | None = None) -> torch.Tensor:
        """The weighted loss; see :class:`EmbeddingBatch` for the arguments.

        Returns:
            Scalar, float32 (float64 for float64 input).

        Raises:
            ConfigError: If something that the loss needs is missing.
            ValueError: If shapes do not fit.
        """
        given = dict(lr=lr, labels=labels, head=head, teacher=teacher)
        for name in self.needs:
            if given[name] is None:
                raise ConfigError(f'{type(self).__name__} needs {self._MISSING[name]}')
        if hr.dim() != 2 or (lr is not None and lr.shape != hr.shape):
            raise ValueError('hr and lr must be (B, D) and equal in shape, got '
                             f'{tuple(hr.shape)} and {None if lr is None else tuple(lr.shape)}')
        for name in ('labels', 'teacher'):
            if given[name] is not None and len(given[name]) != len(hr):
                raise ValueError(f'{name} has {len(given[name])} rows for {len(hr)} embeddings')
        dtype = torch.promote_types(hr.dtype, torch.float32)
        with torch.autocast(hr.device.type, enabled=False):
            return self.loss_weight * self.compute(EmbeddingBatch(
                hr.to(dtype), None if lr is None else lr.to(dtype), labels, head,
                None if teacher is None else teacher.detach().to(dtype)))
