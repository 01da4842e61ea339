"""How far a rate may be off by chance: bootstrap over the items that it is a mean of."""
from __future__ import annotations

import numpy as np

__all__ = ['bootstrap_interval', 'paired_bootstrap']


def bootstrap_interval(correct, level: float = .95, draws: int = 2000, seed: int = 0
                       ) -> tuple[float, float]:
    """Percentile interval of the mean of ``correct`` under resampling of its items.

    A resampled mean of N zeros and ones is a binomial number over N, so all draws are one call.

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


def paired_bootstrap(first, second, level: float = .95, draws: int = 10000, seed: int = 0) -> dict:
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
    differences = (drawn[:, 0] - drawn[:, 1]) / count
    low, high = np.percentile(differences, [50 * (1 - level), 50 * (1 + level)])
    below = ((differences < 0).mean() + .5 * (differences == 0).mean())
    return dict(difference=float(shares[0] - shares[1]), low=float(low), high=float(high),
                p=float(np.clip(2 * min(below, 1 - below), 1 / draws, 1)))
