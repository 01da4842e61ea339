"""Errors that remain when the comparisons of the lowest quality are refused."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrfr_mm.evaluation.functional.verification import check_both_kinds, check_scores

__all__ = ['discard_area', 'error_against_discard']


def error_against_discard(scores: ArrayLike, is_same: ArrayLike, quality: ArrayLike,
                          far: float = 1e-2, fractions: ArrayLike | None = None
                          ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """False non-match rate against the share of same pairs refused for their quality.

    The threshold is fixed on all pairs: the lowest whose false match rate does not exceed
    ``far``. Then the same pairs of the lowest quality are refused, as many as each fraction says;
    of pairs of equal quality at the limit, as many as needed are refused in proportion
    (Grother and Tabassi, PAMI 2007; ISO/IEC 29794-1's error-versus-discard characteristic).

    Args:
        scores: Higher = more alike, (N,).
        is_same: True for pairs of one identity, (N,).
        quality: Of each pair, higher = better, (N,): usually the lower of its images' qualities.
        far: False match rate that fixes the threshold.
        fractions: Shares to refuse, 0 to below 1; default 0 to .95 step .01.

    Returns:
        Fractions (K,), false non-match rate of the rest (K,), and the threshold: pairs that score
        above it are accepted.

    Raises:
        ValueError: For NaN or infinite numbers, wrong shapes, pairs of one kind only, or a
            fraction out of range.
    """
    values, same = check_scores(scores, is_same)
    worth, _ = check_scores(quality, is_same)
    check_both_kinds(same)
    shares = np.asarray(np.arange(0, .955, .01) if fractions is None else fractions, np.float64)
    if shares.ndim != 1 or ((shares < 0) | (shares >= 1)).any():
        raise ValueError('fractions must be a list of numbers from 0 to below 1')
    different = np.sort(values[~same])[::-1]
    allowed = int(np.floor(far * len(different) + 1e-9))
    threshold = float(different[allowed]) if allowed < len(different) else -np.inf
    missed, worth = (values[same] <= threshold).astype(np.float64), worth[same]
    levels, place = np.unique(worth, return_inverse=True)
    pairs = np.bincount(place, minlength=len(levels)).astype(np.float64)
    errors = np.bincount(place, missed, len(levels))
    # Errors among the k pairs of the lowest quality, linear within pairs of equal quality.
    refused = np.interp(shares * len(worth), np.r_[0., np.cumsum(pairs)],
                        np.r_[0., np.cumsum(errors)])
    rates = (errors.sum() - refused) / ((1 - shares) * len(worth))
    return shares, np.asarray(rates, np.float64), threshold


def discard_area(fractions: ArrayLike, rates: ArrayLike, limit: float = .2) -> float:
    """Mean false non-match rate up to the discard share ``limit`` (a partial area by trapezoids,
    over ``limit``); lower = the quality finds the errors.

    Args:
        fractions, rates: Of :func:`error_against_discard`, fractions ascending from 0.
        limit: Largest share that counts.
    """
    x, y = np.asarray(fractions, np.float64), np.asarray(rates, np.float64)
    inside = x < limit
    grid = np.r_[x[inside], limit]
    heights = np.r_[y[inside], np.interp(limit, x, y)]
    return float(np.sum(np.diff(grid) * (heights[1:] + heights[:-1]) / 2) / limit)
