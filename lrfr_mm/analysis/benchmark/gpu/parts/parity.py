"""LR pixels, embeddings, and the losses of 20 steps, on the device against the CPU."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.gpu.parts.views import smooth_images
from lrfr_mm.analysis.benchmark.gpu.trainer import GPUTrainer, Mode
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.ops.resample import degrade

__all__ = ['parity']


@part('The same numbers as on the CPU', 45)
def parity(scale: Scale) -> Iterator[Result]:
    """In float32, without TF32 and without dropout, whose draws depend on the device."""
    batch = smooth_images(16)
    resolutions = np.array([7, 14, 20, 20] * 4)
    truth = degrade(batch, resolutions, 'exact').int()
    made = degrade(batch.to(scale.device), resolutions, 'batched').cpu().int()
    yield Result('LR pixels equal to Pillow', 100 * float((made == truth).double().mean()), '%',
                 {'largest difference': f'{int((made - truth).abs().max())} grey levels'})
    tf32 = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield from _networks(scale)
    finally:
        torch.backends.cudnn.allow_tf32 = tf32


def _networks(scale: Scale) -> Iterator[Result]:
    name, model = scale.parity_model
    here, there = (GPUTrainer(model, 8, 100, device, Mode('plain float32'), lr=.001,
                              drawn_on='cpu') for device in ('cpu', scale.device))
    vectors = []
    for trainer in (here, there):
        trainer.network.eval()
        vectors.append(trainer.embeddings().cpu())
        trainer.network.train()
    yield Result(f'cosine of embeddings, {name}', float(F.cosine_similarity(*vectors).min()), '',
                 {'of': 'the worst image'})
    count = 3 if scale.dry else 20
    on_cpu, on_device = (torch.stack([trainer.step() for _ in range(count)]).cpu()
                         for trainer in (here, there))
    error = ((on_cpu - on_device).abs() / on_cpu).double()
    yield Result(f'largest relative difference of {count} losses, {name}', float(error.max()), '',
                 {'first': f'{error[0]:.1e}',
                  'last loss': f'{on_cpu[-1]:.5f} and {on_device[-1]:.5f}'})
