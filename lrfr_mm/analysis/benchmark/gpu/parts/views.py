"""LR views made on the device, against copying those that a worker has made."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.ops.resample import degrade

__all__ = ['draw_resolutions', 'smooth_images', 'views']


def smooth_images(count: int) -> torch.Tensor:
    """Smooth uint8 images (count, 3, 112, 112), channels last."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (count, 3, 28, 28), generator=generator, dtype=torch.uint8)
    fine = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return fine.contiguous(memory_format=torch.channels_last)


def draw_resolutions(count: int) -> np.ndarray:
    """Sides of LR views in the paper's ratio, px, (count,)."""
    return np.random.default_rng(0).choice([7, 14, 20, 20], count)


@part('LR views', 20)
def views(scale: Scale) -> Iterator[Result]:
    """Images a second of each method on the device, and of the copy."""
    count = 16 if scale.dry else 512
    images, resolutions = smooth_images(count), draw_resolutions(count)
    if scale.device == 'cuda':
        images = images.pin_memory()
    there = images.to(scale.device)

    def speed(function) -> tuple[float, dict]:
        took = seconds_each(function, scale.repeats)
        return count / took, {'batch': count, 'ms a batch': f'{1e3 * took:.2f}'}

    yield attempt('copied from pinned memory', 'images/s', lambda: speed(
        lambda: images.to(scale.device, non_blocking=True)))
    for method in ('batched', 'matrix', *(('fast', 'exact') if scale.dry else ('compiled',))):
        yield attempt(f'made on the device, {method}', 'images/s', lambda method=method: speed(
            lambda: degrade(there, resolutions, method)))
