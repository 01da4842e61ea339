"""Training steps with two views: samples/s, MFU, memory, and what input and LR views take."""
from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, peak_gib, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.gpu.parts.views import draw_resolutions
from lrfr_mm.analysis.benchmark.gpu.trainer import GPUTrainer, Mode
from lrfr_mm.analysis.benchmark.step import matmul_ceiling
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.ops.resample import degrade

__all__ = ['compiled', 'deep', 'steps']

_FAST = dict(bf16=True, channels_last=True)
_LAST = Mode('bf16, channels last', **_FAST)
_JOINT = Mode('bf16, channels last, joint views', joint=True, **_FAST)
_PLAIN = (Mode('bf16', bf16=True), Mode('plain float32'))
_COMPILED = (Mode('bf16, channels last, compiled', compile=dict(backend='inductor'), **_FAST),
             Mode('bf16, channels last, compiled, CUDA graphs',
                  compile=dict(mode='reduce-overhead'), **_FAST),
             Mode('bf16, channels last, compiled, joint views', compile=dict(backend='inductor'),
                  joint=True, **_FAST))


@part('Training steps with two views', 80)
def steps(scale: Scale) -> Iterator[Result]:
    """Without a compiler: the mode that is expected to be the fastest, in every batch size; joint
    views; then the slower modes.
    """
    first, *larger = scale.batch_sizes
    yield _step(scale, scale.model, _LAST, first)
    yield _step(scale, scale.model, _JOINT, first)
    for batch in larger:
        result = _step(scale, scale.model, _LAST, batch)
        yield result
        if not result.value:
            break
    for mode in _PLAIN:
        yield _step(scale, scale.model, mode, first)


@part('Training steps of a deeper network', 24)
def deep(scale: Scale) -> Iterator[Result]:
    """Without a compiler, in the fastest mode."""
    for batch in scale.batch_sizes[:2]:
        yield _step(scale, scale.deep_model, _LAST, batch)


@part('Training steps, compiled', 70)
def compiled(scale: Scale) -> Iterator[Result]:
    """With torch.compile, whose own time is in the notes."""
    for model in (scale.model, scale.deep_model)[:1 if scale.dry else 2]:
        for mode in _COMPILED:
            yield _step(scale, model, mode, scale.batch_sizes[0])


def _step(scale: Scale, named: tuple[str, dict], mode: Mode, batch: int) -> Result:
    return attempt(f'{named[0]}, {mode.name}, batch {batch}', 'samples/s',
                   lambda: _measured(scale, named[1], mode, batch))


def _measured(scale: Scale, model: dict, mode: Mode, batch: int) -> tuple[float, dict]:
    if scale.dry:
        mode = mode.of_dry_run()
    trainer = GPUTrainer(model, batch, scale.classes, scale.device, mode)
    start = seconds_each(trainer.step, 1, warmup=0)
    took = seconds_each(trainer.step, scale.repeats, warmup=scale.repeats // 3)
    notes = {}
    if not scale.dry:
        gflop = GPUTrainer.gflop(model)
        ceiling = _ceiling(scale.device, torch.bfloat16 if mode.bf16 else torch.float32)
        notes['MFU'] = f'{100 * gflop * batch / took / ceiling:.0f} % of {ceiling:,.0f} GFLOP/s'
        notes['memory'] = f'{peak_gib():.1f} GiB'
    images = trainer.batch['inputs']['hr'].to(scale.device)
    resolutions = draw_resolutions(batch)
    copied = seconds_each(trainer.copy, scale.repeats)
    made = seconds_each(lambda: degrade(images, resolutions, 'batched'), scale.repeats)
    notes.update({'ms a step': f'{1e3 * took:.1f}',
                  'copy of the input': f'{100 * copied / took:.1f} % of a step',
                  'LR views made on the device': f'{100 * made / took:.1f} %',
                  'first step': f'{start:.1f} s'})
    return batch / took, notes


@lru_cache(maxsize=2)
def _ceiling(device: str, dtype: torch.dtype) -> float:
    """GFLOP/s of a large product; for float32 in TF32, as torch's convolutions are by default."""
    tf32 = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return matmul_ceiling(device, dtype)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
