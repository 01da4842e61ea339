"""Random draws that depend on a key alone: not on workers, ranks, batch order or call order.

A *key* names one visit of one sample; a *stream* names what is drawn for it. Two 64-bit mixing
rounds (SplitMix64; Steele, Lea and Flood, OOPSLA 2014) turn both into a uniform number, for one
sample in a transform or a whole batch in the preprocessor, with the same result.
"""
from __future__ import annotations

import numpy as np

__all__ = ['sample_key', 'uniform', 'choice']


def _mix(x: np.ndarray) -> np.ndarray:
    with np.errstate(over='ignore'):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def _words(values) -> np.ndarray:
    return np.asarray(values).astype(np.int64).astype(np.uint64)


def sample_key(seed: int, epoch: int, index) -> np.ndarray:
    """Key, int64 >= 0, of visit ``epoch`` of sample ``index`` (int or array) in run ``seed``."""
    key = _mix(_mix(_mix(_words([seed]))[0] ^ _words(epoch)) ^ _words(index))
    return (key >> np.uint64(1)).astype(np.int64)


def uniform(key, stream: int) -> np.ndarray:
    """Uniform in [0, 1), float64, the shape of ``key`` (int64 scalar or array)."""
    bits = _mix(_mix(_words(key)) ^ _words(stream))
    return (bits >> np.uint64(11)) * 2. ** -53


def choice(key, stream: int, weights) -> np.ndarray:
    """Index drawn with probability proportional to ``weights`` (K,), the shape of ``key``."""
    edges = np.cumsum(weights, dtype=float)
    return np.searchsorted(edges[:-1] / edges[-1], uniform(key, stream), side='right')
