"""How a figure is measured on a device, and what stands in its place where it cannot be."""
from __future__ import annotations

import gc
import time
from collections.abc import Callable

import torch

from lrfr_mm.analysis.benchmark.timing import Result

__all__ = ['attempt', 'peak_gib', 'seconds_each']


def attempt(name: str, unit: str, measure: Callable[[], tuple[float, dict]]) -> Result:
    """The value and the notes that ``measure`` returns, as a result; where it raises, a result
    without a value whose note is the reason. What it allocated is freed.

    An error of the CUDA context is raised: after one, nothing more can be measured in the process.
    """
    value, notes = 0., {}
    try:
        value, notes = measure()
    except Exception as error:
        text = str(error).strip().partition('\n')[0][:200]
        if _is_out_of_memory(error):
            notes = {'': 'out of memory'}
        elif 'CUDA error' in text or 'device-side assert' in text:
            raise
        else:
            notes = {'': f'{type(error).__name__}: {text}'}
    # Only here, since the error holds the frames of its traceback, and those the tensors.
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return Result(name, value, unit, notes)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed, in torch or in cuBLAS."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or 'out of memory' in str(error)


def seconds_each(function: Callable[[], object], calls: int, warmup: int = 2) -> float:
    """Wall seconds of a call among ``calls`` in a row, as in a training: the device is waited for
    before the first and after the last alone.
    """
    for _ in range(warmup):
        function()
    _wait()
    start = time.perf_counter()
    for _ in range(calls):
        function()
    _wait()
    return (time.perf_counter() - start) / calls


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_gib() -> float:
    """Most memory that tensors took on the GPU since the last result, GiB; 0 without a GPU."""
    return torch.cuda.max_memory_allocated() / 2 ** 30 if torch.cuda.is_available() else 0.
