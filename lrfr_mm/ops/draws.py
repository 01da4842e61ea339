"""Random draws that depend on a key alone: not on workers, ranks, batch order or call order.

A *key* names one visit of one sample; a *stream* names what is drawn for it. Two 64-bit mixing
rounds (SplitMix64; Steele, Lea and Flood, OOPSLA 2014) turn both into a uniform number, for one
sample in a transform or a whole batch in the preprocessor, with the same result. Single numbers
take Python's integers, which are ten times faster there than numpy's scalars.
"""
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ['choice', 'sample_key', 'uniform']

_64 = (1 << 64) - 1


def _mix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & _64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _64
    return x ^ (x >> 31)


def _mix_array(x: np.ndarray) -> np.ndarray:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@lru_cache(maxsize=16)
def _mixed_epoch(seed: int, epoch: int) -> int:
    return _mix(_mix(seed & _64) ^ (epoch & _64))


def sample_key(seed: int, epoch: int, index: Any) -> Any:
    """Key, int64 >= 0, of visit ``epoch`` of sample ``index`` in run ``seed``.

    ``index`` is an int (an int comes back) or an array (int64 of its shape).
    """
    start = _mixed_epoch(int(seed), int(epoch))
    if isinstance(index, np.ndarray):
        words = index.astype(np.int64).astype(np.uint64)
        return (_mix_array(np.uint64(start) ^ words) >> np.uint64(1)).astype(np.int64)
    return _mix(start ^ (int(index) & _64)) >> 1


def uniform(key: Any, stream: int) -> Any:
    """Uniform in [0, 1): a float for an int ``key``, float64 of its shape for an int64 array."""
    if isinstance(key, np.ndarray):
        bits = _mix_array(_mix_array(key.astype(np.int64).astype(np.uint64)) ^ np.uint64(stream))
        return (bits >> np.uint64(11)) * 2. ** -53
    return (_mix(_mix(int(key) & _64) ^ stream) >> 11) * 2. ** -53


def choice(key: Any, stream: int, weights: Iterable[float]) -> Any:
    """Index drawn with probability proportional to ``weights`` (K,); an int or an array like
    ``key``."""
    edges = _edges(tuple(weights))
    if isinstance(key, np.ndarray):
        return np.searchsorted(edges, uniform(key, stream), side='right')
    return bisect_right(edges, uniform(key, stream))


@lru_cache(maxsize=16)
def _edges(weights: tuple[float, ...]) -> list[float]:
    sums = np.cumsum(weights, dtype=float)
    return (sums[:-1] / sums[-1]).tolist()
