"""Products of float8 matrices against bfloat16: the format's gain where it can be used at all."""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['float8']


@part('float8 matrix products', 10)
def float8(scale: Scale) -> Iterator[Result]:
    """The product alone, operands already in the format (e4m3, one scale a matrix): first layer of
    ViT-B's MLP for 256 faces of 49 patches, and the logits of 512 embeddings and 262,144 classes.
    No convolution of torch has the format.
    """
    for name, rows, inner, columns in (('MLP of ViT-B', 12544, 768, 3072),
                                       ('logits', 512, 512, 262144)):
        if scale.dry:
            rows, inner, columns = 64, 32, 48
        size = f'{name}, {rows} x {inner} x {columns}'
        for dtype in (torch.bfloat16, torch.float8_e4m3fn):
            yield attempt(f'{size}, {str(dtype).removeprefix("torch.")}', 'TFLOP/s',
                          partial(_product, scale, rows, inner, columns, dtype))


def _product(scale: Scale, rows: int, inner: int, columns: int, dtype: torch.dtype
             ) -> tuple[float, dict]:
    a, b = (torch.randn(count, inner, device=scale.device).to(dtype) for count in (rows, columns))
    one = torch.ones((), device=scale.device)

    def multiply() -> None:
        if dtype == torch.float8_e4m3fn:
            torch._scaled_mm(a, b.T, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
        else:
            a @ b.T

    took = seconds_each(multiply, scale.repeats)
    return 2e-12 * rows * inner * columns / took, {'ms': f'{1e3 * took:.3f}'}
