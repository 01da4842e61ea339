"""Pairs of images whose perceptual hashes are nearly equal."""
from __future__ import annotations

from itertools import pairwise

import numpy as np

__all__ = ['near_duplicates']

_BITS = np.array([bin(k).count('1') for k in range(256)], np.uint8)


def _count_bits(words: np.ndarray) -> np.ndarray:
    return _BITS[words.view(np.uint8)].reshape(-1, 8).sum(1)


def near_duplicates(hashes: np.ndarray, distance: int = 4, most: int = 100000) -> np.ndarray:
    """Pairs of 64-bit hashes that differ in at most ``distance`` bits.

    Two such hashes are equal in at least one of distance + 1 bands of bits, so only hashes that
    share a band are compared. Memory: a few times that of the hashes, and ``most`` pairs.

    Args:
        hashes: uint64 (N,).
        distance: Bits, 0 to 15.
        most: Stop after so many pairs.

    Returns:
        int64 (P, 2), first below second, without repeats; P is at most about ``most``.
    """
    hashes = np.asarray(hashes, np.uint64)
    edges = np.linspace(0, 64, distance + 2).astype(int)
    found, total = [], 0
    for low, high in pairwise(edges):
        mask = np.uint64((1 << int(high)) - (1 << int(low)))
        band = hashes & mask
        order = np.argsort(band, kind='stable')
        ordered = band[order]
        # Compare each hash with the one k places behind it, while any has the same band there.
        alive = np.arange(len(order))
        for k in range(1, len(order)):
            alive = alive[alive + k < len(order)]
            alive = alive[ordered[alive] == ordered[alive + k]]
            if len(alive) == 0 or total > most:
                break
            first, second = order[alive], order[alive + k]
            close = _count_bits(hashes[first] ^ hashes[second]) <= distance
            pairs = np.sort(np.stack([first[close], second[close]], 1), axis=1)
            found.append(pairs)
            total += len(pairs)
    if not found:
        return np.empty((0, 2), np.int64)
    return np.unique(np.concatenate(found), axis=0)
