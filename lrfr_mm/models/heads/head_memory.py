"""What a classification head takes of memory, before it is allocated."""
from __future__ import annotations

import math
from pathlib import Path

import torch

__all__ = ['check_memory_for', 'class_range', 'head_memory']


def class_range(num_classes: int, rank: int, world: int) -> tuple[int, int]:
    """First class of ``rank`` and one past its last; parts differ by at most one class."""
    share, rest = divmod(num_classes, world)
    first = rank * share + min(rank, rest)
    return first, first + share + (rank < rest)


def head_memory(num_classes: int, dim: int, world: int, batch: int, sample_rate: float = 1.,
                views: int = 2, weight_bytes: int = 4, momentum_bytes: int = 4
                ) -> dict[str, float]:
    """Bytes that the head takes on each of ``world`` processes.

    Args:
        num_classes: Identities of the whole head.
        dim: Embedding size D.
        world: Processes.
        batch: Samples of all processes together, times the views.
        sample_rate: Share of its classes that a process visits a step.
        views: Of each sample; with two, the gradients of both meet.
        weight_bytes, momentum_bytes: Of one number of the stored weights and momentum.

    Returns:
        'weights', 'momentum', 'step' (sampled rows, their gradient and momentum, logits) and 'all'.
    """
    first, last = class_range(num_classes, 0, world)
    local = last - first
    active = local if sample_rate >= 1 else max(math.ceil(sample_rate * local),
                                                min(batch, local))
    weights, momentum = local * dim * weight_bytes, local * dim * momentum_bytes
    copies = 0 if sample_rate >= 1 else 2  # of weights and momentum
    step = active * 4 * ((copies + min(views, 2)) * dim + batch)
    if sample_rate >= 1:
        momentum = local * dim * 4
    return dict(weights=weights, momentum=momentum, step=step, all=weights + momentum + step)


def check_memory_for(num_classes: int, dim: int, world: int, batch: int,
                     sample_rate: float) -> None:
    """Raise ValueError, with what would fit, if the head needs more than the device has free."""
    available = _available_bytes()
    needed = head_memory(num_classes, dim, world, batch, sample_rate)['all']
    if available is None or needed <= available:
        return
    gib = 2 ** 30
    rate = next((r for r in (.5, .3, .2, .1, .05, .02, .01) if r < sample_rate and head_memory(
        num_classes, dim, world, batch, r)['all'] <= available), None)
    ranks = next((n for n in range(world + 1, 4097) if head_memory(
        num_classes, dim, n, batch, sample_rate)['all'] <= available), None)
    ways = [f'sample_rate={rate}'] * (rate is not None) + [f'{ranks} processes'] * (
        ranks is not None)
    raise ValueError(f'a head of {num_classes:,} classes needs {needed / gib:.1f} GiB on each of '
                     f'{world} process(es), {available / gib:.1f} GiB are free'
                     + (f'; it fits with {" or with ".join(ways)}' if ways else ''))


def _available_bytes() -> int | None:
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    try:
        for line in Path('/proc/meminfo').read_text().splitlines():
            if line.startswith('MemAvailable'):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
