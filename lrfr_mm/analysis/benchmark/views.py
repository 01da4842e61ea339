"""LR views: images a second of each way to make them, and how far each is from Pillow."""
from __future__ import annotations

import numpy as np
import torch

from lrfr_mm.analysis.benchmark.timing import Result, rate
from lrfr_mm.ops.resample import degrade

__all__ = ['benchmark_views']


def benchmark_views(images: int = 256, device: str = 'cpu') -> list[Result]:
    """Batches of 112 px images at 7, 14 and 20 px (1:1:2), by method.

    Args:
        images: Images of the batch.
        device: Where to make them; 'exact' and 'fast' are CPU methods.
    """
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (images, 3, 28, 28), dtype=np.uint8)
    batch = torch.from_numpy(coarse.repeat(4, 2).repeat(4, 3)).to(
        device, memory_format=torch.channels_last)
    resolutions = rng.choice([7, 14, 20, 20], images)
    truth = degrade(batch.cpu(), resolutions, 'exact').int()
    results = []
    for method in ('exact', 'fast', 'matrix') if device == 'cpu' else ('matrix',):
        made = degrade(batch, resolutions, method).cpu().int()
        results.append(Result(
            f'LR views, {method}, {device}',
            rate(lambda method=method: degrade(batch, resolutions, method), images), 'images/s',
            {'pixels equal to Pillow': f'{100 * (made == truth).double().mean():.2f} %',
             'largest difference': int((made - truth).abs().max())}))
    return results
