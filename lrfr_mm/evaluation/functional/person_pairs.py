"""Rates of pairs of people, and their errors: the people are the sample, not the pairs.

A person who looks like many others is in many pairs, so that pairs which share a person are not
independent; nor are the pairs of pictures of the same two people.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['person_pair_counts', 'person_pair_interval', 'person_pair_rate']


def person_pair_counts(one: ArrayLike, two: ArrayLike, people: int) -> NDArray[np.int64]:
    """Number of pairs of pictures between each two people.

    Args:
        one, two: Person of the two faces of each pair, int from 0 to people - 1, (N,).
        people: Number of people P.

    Returns:
        int64 (P, P), symmetric.
    """
    cells = np.asarray(one, np.int64) * people + np.asarray(two, np.int64)
    counts = np.bincount(cells, minlength=people * people).reshape(people, people)
    return np.asarray(counts + counts.T)


def person_pair_rate(accepted: ArrayLike, compared: ArrayLike) -> tuple[float, float]:
    """A rate of pairs of different people, and its standard error over people.

    The variance sums the products of the residuals of all pairs of people that share a person
    (Fafchamps and Gubert, Journal of Development Economics 83, 2007; "dyadic-robust" in Cameron
    and Miller, 2014), times P / (P - 1); it is not taken below that of independent pairs of people.

    Args:
        accepted: Number of accepted pairs between people p and q, (P, P), symmetric, 0 on the
            diagonal.
        compared: Number of pairs between them, (P, P), likewise.

    Returns:
        Rate, 0 to 1, and its standard error; NaN both if no pair was compared.
    """
    counts = np.asarray(compared, np.float64)
    people, total = len(counts), counts.sum() / 2
    if total == 0:
        return float('nan'), float('nan')
    rate = float(np.sum(accepted) / 2 / total)
    residual = np.asarray(accepted, np.float64) - rate * counts
    own = (residual ** 2).sum() / 2
    shared = (residual.sum(1) ** 2).sum() - own
    return rate, float(np.sqrt(max(shared * people / max(people - 1, 1), own)) / total)


def person_pair_interval(rate: ArrayLike, error: ArrayLike, people: int, trials: int,
                         level: float = .95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a rate from its standard error, right also for few accepted pairs or none.

    That of Clopper and Pearson for the number of independent trials that would give the same
    error, which is made smaller as Student's t asks for with so many people (Korn and Graubard,
    Survey Methodology 24, 1998).

    Args:
        rate, error: Of :func:`person_pair_rate`; numbers or arrays of one shape.
        people: Number of people.
        trials: Number of pairs of people: no more trials are taken to be independent.
        level: Confidence level, 0 to 1.

    Returns:
        Lower and upper ends, 0 to 1, of the shape of ``rate``.
    """
    from scipy.stats import beta, norm, t  # takes a second to import
    share, spread = np.asarray(rate, np.float64), np.asarray(error, np.float64)
    tail = (1 - level) / 2
    with np.errstate(divide='ignore', invalid='ignore'):
        count = np.where(spread > 0, np.minimum(share * (1 - share) / spread ** 2, trials), trials)
    count = count * (norm.isf(tail) / t.isf(tail, max(people - 1, 1))) ** 2
    hits = share * count
    with np.errstate(invalid='ignore'):
        low = np.where(share > 0, beta.ppf(tail, hits, count - hits + 1), 0.)
        high = np.where(share < 1, beta.isf(tail, hits + 1, count - hits), 1.)
    return low, high
