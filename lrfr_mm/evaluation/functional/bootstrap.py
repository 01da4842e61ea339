"""Bootstrap intervals and tests: resampling items, or runs and items together.

For one rate, or two on the same items, ``intervals`` has closed forms, which are right also where a
rate is 0 or 1. Resampling is needed where runs and items vary together (``runs_bootstrap``).
"""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['bootstrap_interval', 'paired_bootstrap', 'runs_bootstrap']


def bootstrap_interval(correct: ArrayLike, level: float = .95, draws: int = 2000, seed: int = 0
                       ) -> tuple[float, float]:
    """Percentile interval of the mean of ``correct`` under resampling of its items.

    A resampled mean of N zeros and ones is a binomial number over N, so all draws are one call.
    The interval has no width where all items are alike: ``rate_interval`` has.

    Args:
        correct: bool (N,): pair decided rightly, probe identified, ...
        level: Share of the resampled means inside.
        draws: Resamplings.
        seed: Of the draws.

    Returns:
        Lower and upper end, 0 to 1.

    Raises:
        ValueError: If ``correct`` is empty.
    """
    correct = np.asarray(correct, bool)
    if correct.size == 0:
        raise ValueError('a mean of nothing has no interval')
    means = np.random.default_rng(seed).binomial(correct.size, correct.mean(), draws) / correct.size
    low, high = np.percentile(means, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def paired_bootstrap(first: ArrayLike, second: ArrayLike, level: float = .95, draws: int = 10000,
                     seed: int = 0) -> dict[str, float]:
    """Does the second model do better than the first on the same items?

    The items are resampled in pairs: only those that the models treat differently matter, and the
    three outcomes (second better, worse, alike) follow a multinomial law.

    Args:
        first, second: bool (N,), whether each item is right.
        level, draws, seed: As above.

    Returns:
        ``difference`` of the means (second minus first), ``low`` and ``high`` of its interval, and
        ``p``, two-sided: twice the smaller share of resampled differences on the far side of 0,
        each counted with one half where it is 0; not below 1 / ``draws``.

    Raises:
        ValueError: If the lengths differ or are 0.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape or first.size == 0:
        raise ValueError(f'two equally long lists are needed, got {first.size} and {second.size}')
    count = first.size
    shares = np.array([(second & ~first).sum(), (first & ~second).sum(), 0]) / count
    shares[2] = 1 - shares[:2].sum()
    drawn = np.random.default_rng(seed).multinomial(count, shares, draws)
    return _verdict(shares[0] - shares[1], (drawn[:, 0] - drawn[:, 1]) / count, level)


def runs_bootstrap(first: ArrayLike, second: ArrayLike, level: float = .95, draws: int = 10000,
                   seed: int = 0) -> dict[str, float]:
    """Does the second way of training do better than the first, on the same items?

    Resamples the runs (one of the first and that of the second with the same seed are a pair) and
    the items, so that both kinds of luck count: of the training, and of the test. Three runs have
    ten different resamplings: a small p needs all of them to agree.

    Args:
        first, second: bool (R, N), for each run whether each item is right.
        level, draws, seed: As above.

    Returns:
        As ``paired_bootstrap``.

    Raises:
        ValueError: If the shapes differ or are empty.
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if first.shape != second.shape or first.ndim != 2 or first.size == 0:
        raise ValueError(f'two equal (runs, items) arrays are needed, got {first.shape} and '
                         f'{second.shape}')
    runs, count = first.shape
    gain = second.astype(np.int8) - first.astype(np.int8)
    # Items with the same gains in all runs are drawn together; how many of each is multinomial.
    kinds, sizes = np.unique(gain, axis=1, return_counts=True)
    rng = np.random.default_rng(seed)
    differences = []
    for start in range(0, draws, 1000):
        size = min(1000, draws - start)
        items = rng.multinomial(count, sizes / count, size) / count
        weights = rng.multinomial(runs, np.full(runs, 1 / runs), size) / runs
        differences.append(((items @ kinds.T) * weights).sum(1))
    return _verdict(gain.mean(dtype=float), np.concatenate(differences), level)


def _verdict(difference: float, resampled: np.ndarray, level: float) -> dict[str, float]:
    low, high = np.percentile(resampled, [50 * (1 - level), 50 * (1 + level)])
    below = (resampled < 0).mean() + .5 * (resampled == 0).mean()
    return dict(difference=float(difference), low=float(low), high=float(high),
                p=float(np.clip(2 * min(below, 1 - below), 1 / len(resampled), 1)))
