"""Distances within a batch, and which pairs of it are of one person."""
from __future__ import annotations

import torch

from lrfr_mm.errors import ConfigError

__all__ = ['distances', 'hardest', 'pair_masks', 'several_people']


def distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Euclidean distances of ``x`` (N, D) and ``y`` (M, D), (N, M); the gradient at 0 is 0."""
    return torch.cdist(x, y, compute_mode='donot_use_mm_for_euclid_dist')


def several_people(labels: torch.Tensor, name: str, least: int = 2) -> None:
    """Raise ConfigError, naming the loss, if a batch has fewer than ``least`` people."""
    found = len(torch.unique(labels))
    if found < least:
        raise ConfigError(f'{name} needs at least {least} people in a batch, and this one has '
                          f'{found}: use a larger batch, or PKSampler with people={least} or more')


def pair_masks(labels: torch.Tensor, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs of two samples of one person, and pairs of two people.

    Args:
        labels: int64 (N,).
        name: The loss, for the error.

    Returns:
        ``same`` and ``different``, bool (N, N); a sample is no pair with itself.

    Raises:
        ConfigError: If the batch has no pair of either kind.
    """
    several_people(labels, name)
    equal = labels[:, None] == labels[None]
    same = equal & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    if not same.any():
        raise ConfigError(f'{name} needs several images of a person in a batch, and this one has '
                          "none: set train_dataloader.sampler=dict(type='PKSampler', people=P, "
                          'images=K) with P * K = batch_size')
    return same, ~equal


def hardest(pairs: torch.Tensor, same: torch.Tensor, different: torch.Tensor
            ) -> tuple[torch.Tensor, torch.Tensor]:
    """Largest distance to the same person and smallest to another, for each anchor with both.

    Args:
        pairs: Distances of anchors and samples, (N, M).
        same, different: bool (N, M).

    Returns:
        Two tensors (A,), A <= N.
    """
    anchors = same.any(1) & different.any(1)
    positive = pairs.masked_fill(~same, -torch.inf).max(1).values
    negative = pairs.masked_fill(~different, torch.inf).min(1).values
    return positive[anchors], negative[anchors]
