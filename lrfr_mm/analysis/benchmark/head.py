"""A step of the classification head alone: time and memory, whole against sampled."""
from __future__ import annotations

import multiprocessing
import resource
import time

import torch

from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.models.heads import CosFaceHead, PartialFCHead, head_memory

__all__ = ['benchmark_head']


def benchmark_head(ids: int = 1_000_000, batch: int = 512, dim: int = 512, sample_rate: float = .1,
                   steps: int = 3) -> list[Result]:
    """Forward, backward and SGD with momentum on random embeddings, each head in a new process.

    Args:
        ids: Identities.
        batch: Samples.
        dim: Embedding size.
        sample_rate: Of the sampled head.
        steps: Steps timed, after one.

    Returns:
        Milliseconds a step; 'step memory' is the peak less what the head must hold anyway (weights
        and momentum); 'by formula' what ``head_memory`` says before anything is allocated.
    """
    results = []
    for name, rate in (('whole', None), ('whole, split form', 1.), (f'sample rate {sample_rate}',
                                                                    sample_rate)):
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            took, peak = pool.apply(_measure, (ids, batch, dim, rate, steps))
        held = 2 * ids * dim * 4
        extra = {'peak': f'{peak / 2 ** 30:.2f} GiB',
                 'step memory': f'{max(peak - held, 0) / 2 ** 30:.2f} GiB'}
        if rate is not None:
            figures = head_memory(ids, dim, 1, batch, rate, views=1)
            extra['by formula'] = (f'{figures["all"] / 2 ** 30:.2f} GiB, step '
                                   f'{figures["step"] / 2 ** 30:.2f}')
        results.append(Result(f'head, {ids:,} ids, batch {batch}, {name}', 1e3 * took, 'ms/step',
                              extra))
    first, last = results[0], results[-1]
    results.append(Result('time of the sampled head against the whole', last.value / first.value,
                          'x'))
    return results


def _measure(ids: int, batch: int, dim: int, rate: float | None, steps: int):
    """Median seconds of a step, and bytes at the peak above what the process had before."""
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    torch.manual_seed(0)
    head = (CosFaceHead(ids, dim) if rate is None else
            PartialFCHead(ids, in_channels=dim, sample_rate=rate, check_memory=False))
    optimizer = torch.optim.SGD(head.parameters(), lr=.1, momentum=.9)
    if rate is not None:
        head.bind(optimizer)
    times = []
    for _ in range(steps + 1):
        embeddings = torch.randn(batch, dim, requires_grad=True)
        labels = torch.randint(0, ids, (batch,))
        start = time.perf_counter()
        head.loss(embeddings, labels)['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()
        if rate is not None:
            head.new_step()
        times.append(time.perf_counter() - start)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) * 1024
    return sorted(times[1:])[steps // 2], peak
