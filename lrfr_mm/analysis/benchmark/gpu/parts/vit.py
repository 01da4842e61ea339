"""A vision transformer with each attention kernel."""
from __future__ import annotations

from collections.abc import Iterator

from torch.nn.attention import SDPBackend, sdpa_kernel

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, peak_gib, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.gpu.trainer import GPUTrainer, Mode
from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['vit']


@part('ViT with fused attention', 30)
def vit(scale: Scale) -> Iterator[Result]:
    """Steps in bfloat16."""
    batch, name = scale.batch_sizes[0], scale.vit['backbone']['model_name']
    for kernel, backend in (('flash attention', SDPBackend.FLASH_ATTENTION),
                            ('math', SDPBackend.MATH)):

        def measure(backend=backend) -> tuple[float, dict]:
            trainer = GPUTrainer(scale.vit, batch, scale.classes, scale.device,
                                 Mode('', bf16=not scale.dry))
            with sdpa_kernel(backend):
                took = seconds_each(trainer.step, scale.repeats, warmup=scale.repeats // 3)
            return batch / took, {'memory': f'{peak_gib():.1f} GiB'} if peak_gib() else {}

        yield attempt(f'{name}, {kernel}, batch {batch}', 'samples/s', measure)
