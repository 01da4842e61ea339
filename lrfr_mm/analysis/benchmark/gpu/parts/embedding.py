"""Throughput of embedding, with the copy of the uint8 images to the device."""
from __future__ import annotations

from collections.abc import Iterator

import torch

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.gpu.trainer import GPUTrainer, Mode
from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['embedding']


@part('Embedding', 55)
def embedding(scale: Scale) -> Iterator[Result]:
    """By the number format of the weights, and compiled."""
    name, model = scale.model
    batch = 8 if scale.dry else 1024
    plain = ((torch.float32,) if scale.dry else (torch.float16, torch.bfloat16, torch.float32))
    for dtype, compile_ in (*((each, None) for each in plain),
                            *(((torch.float16, dict(backend='inductor')),) * (not scale.dry))):
        mode = Mode('', channels_last=True, compile=compile_)

        def measure(dtype=dtype, mode=mode) -> tuple[float, dict]:
            trainer = GPUTrainer(model, batch, 100, scale.device, mode, dtype=dtype)
            trainer.network.eval()
            return batch / seconds_each(trainer.embeddings, scale.repeats,
                                        warmup=scale.repeats // 3), {}

        yield attempt(f'{name}, {str(dtype).removeprefix("torch.")}'
                      f'{", compiled" if compile_ else ""}, batch {batch}', 'images/s', measure)
