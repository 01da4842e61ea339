"""The parts of an embedding are to tell different things."""
from __future__ import annotations

import torch

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.registry import MODELS

__all__ = ['PartDecorrelationLoss']


@MODELS.register_module()
class PartDecorrelationLoss(EmbeddingLoss):
    """Mean squared correlation, over the batch, of the confidences of two different parts.

    For the embedding of ``ConfidencePartsNeck``. In URL (Shi et al., CVPR 2020, section 3.3) parts
    are decorrelated by classifying the variations of a face from some parts and, by an adversary,
    not from others. Deviation: no variation is labelled here; what is decorrelated are the
    confidences themselves, over both views together.

    Args:
        parts: K; the length of each part is its confidence.
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    def __init__(self, parts: int = 16, loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if parts < 2:
            raise ValueError(f'parts must be at least 2, got {parts}')
        self.parts = parts

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        f = batch.hr if batch.lr is None else torch.cat([batch.hr, batch.lr])
        if f.shape[1] % self.parts:
            raise ConfigError(f'an embedding of {f.shape[1]} numbers cannot be cut into '
                              f'{self.parts} equal parts')
        confidence = f.unflatten(1, (self.parts, -1)).norm(dim=2)
        centred = confidence - confidence.mean(0)
        covariance = centred.T @ centred
        variance = covariance.diagonal().clamp(min=1e-8)
        squared = covariance.square() / (variance[:, None] * variance)
        return (squared.sum() - squared.diagonal().sum()) / (self.parts * (self.parts - 1))
