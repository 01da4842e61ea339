"""1:N search on the device."""
from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['search']


@part('1:N search', 16)
def search(scale: Scale) -> Iterator[Result]:
    """Best of a gallery, in one product a chunk of probes."""
    dims, probes = 512, 64 if scale.dry else 4096
    for dtype in (torch.float16, torch.float32) if scale.device == 'cuda' else (torch.float32,):

        def measure(dtype=dtype) -> tuple[float, dict]:
            gallery, wanted = (F.normalize(torch.randn(count, dims, device=scale.device)).to(dtype)
                               for count in (scale.gallery, probes))

            def run() -> None:
                for some in wanted.split(512):
                    (some @ gallery.T).topk(20)

            return probes / seconds_each(run, 3, warmup=1), {'probes': probes}

        yield attempt(f'{scale.gallery:,} entries, {str(dtype).removeprefix("torch.")}, top 20',
                      'probes/s', measure)
