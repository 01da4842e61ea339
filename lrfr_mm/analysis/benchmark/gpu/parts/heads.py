"""Classification heads alone, by number of classes, sample rate and form of the softmax."""
from __future__ import annotations

from collections.abc import Iterator

import torch

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, peak_gib, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.models.heads import PartialFCHead, head_memory

__all__ = ['heads']

_CHUNK = dict(chunk_size=65536)


@part('Classification heads alone', 70)
def heads(scale: Scale) -> Iterator[Result]:
    """Forward, backward and SGD with momentum, in float32; the most classes first."""
    few, *_, most = scale.head_classes
    for classes in sorted({*scale.head_classes} - {few}, reverse=True):
        for rate in (.1, .05):
            yield _head(scale, classes, rate)
        yield _head(scale, classes, 1.)
    yield _head(scale, most, .1, 'chunks', **_CHUNK)
    yield _head(scale, most, 1., 'chunks, no momentum', momentum=0., **_CHUNK)
    for rate in (1., .1, .05):
        yield _head(scale, few, rate)
    yield _head(scale, few, 1., 'chunks', **_CHUNK)
    yield _head(scale, few, 1., 'TF32', tf32=True)
    if not scale.dry:
        yield _head(scale, few, 1., 'compiled chunks', compile_chunks=True, **_CHUNK)


def _head(scale: Scale, classes: int, rate: float, form: str = '', **options) -> Result:
    name = f'{classes:,} classes, rate {rate:g}{", " if form else ""}{form}'
    return attempt(name, 'ms/step', lambda: _measured(scale, classes, rate, **options))


def _measured(scale: Scale, classes: int, rate: float, momentum: float = .9, tf32: bool = False,
              **options) -> tuple[float, dict]:
    batch, dims = (16, 32) if scale.dry else (512, 512)
    with torch.device(scale.device):
        head = PartialFCHead(classes, in_channels=dims, sample_rate=rate, check_memory=False,
                             **options)
    optimizer = torch.optim.SGD(head.parameters(), lr=.1, momentum=momentum, fused=True)
    head.bind(optimizer)
    embeddings = torch.randn(batch, dims, device=scale.device, requires_grad=True)
    labels = torch.randint(0, classes, (batch,), device=scale.device)

    def step() -> None:
        head.loss(embeddings, labels)['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()
        head.new_step()

    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        took = seconds_each(step, 3)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    planned = head_memory(classes, dims, 1, batch, rate, views=1)['all'] / 2 ** 30
    return 1e3 * took, {'memory': f'{peak_gib():.1f} GiB' if peak_gib() else 'not measured',
                        'by formula, with momentum and whole logits': f'{planned:.1f} GiB'}
