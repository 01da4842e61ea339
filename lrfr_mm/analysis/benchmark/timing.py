"""Timing, and what a timing is printed as."""
from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch

__all__ = ['Result', 'machine', 'rate', 'results_table', 'seconds']


@dataclass
class Result:
    """One measured line.

    Attributes:
        name: What was measured.
        value: The number.
        unit: Of the number.
        extra: Further numbers, name to text or number.
    """

    name: str
    value: float
    unit: str
    extra: dict = field(default_factory=dict)


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(function: Callable[[], object], repeats: int = 5, warmup: int = 1) -> float:
    """Median wall seconds of one call."""
    for _ in range(warmup):
        function()
    times = []
    for _ in range(repeats):
        _wait()
        start = time.perf_counter()
        function()
        _wait()
        times.append(time.perf_counter() - start)
    return median(times)


def rate(function: Callable[[], object], items: int, repeats: int = 5) -> float:
    """Items a second, from the median of several calls that each treat ``items``."""
    return items / seconds(function, repeats)


def machine() -> str:
    """Processor, cores, GPU and library versions in one line."""
    name = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo') as file:
            name = next(line.split(':')[1].strip() for line in file if 'model name' in line)
    except (OSError, StopIteration):
        pass
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU'
    return (f'{name}, {os.cpu_count()} cores ({torch.get_num_threads()} torch threads), {gpu}, '
            f'Python {platform.python_version()}, torch {torch.__version__}')


def results_table(results: list[Result]) -> str:
    """The results as a table for a terminal."""
    width = max(len(result.name) for result in results)
    lines = []
    for result in results:
        digits = 0 if result.value >= 100 else 1 if result.value >= 10 else 3
        extra = ', '.join(f'{key} {value:.3g}' if isinstance(value, float) else f'{key} {value}'
                          for key, value in result.extra.items())
        lines.append(f'{result.name:<{width}}  {result.value:>12,.{digits}f} {result.unit:<9} '
                     f' {extra}'.rstrip())
    return '\n'.join(lines)
