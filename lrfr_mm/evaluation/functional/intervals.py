"""Confidence intervals of rates in closed form, right also where a rate is 0 or 1.

A rate is the mean of N zeros and ones: pairs decided rightly, probes identified. Resampling such a
list gives an interval of no width where all are alike; these intervals do not shrink there.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ['mean_rate_interval', 'paired_comparison', 'rate_interval']


def _decisions(correct: ArrayLike) -> NDArray[np.bool_]:
    found = np.asarray(correct, bool)
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f'a rate needs a list of at least one decision, got shape {found.shape}')
    return found


def rate_interval(correct: ArrayLike, level: float = .95) -> tuple[float, float]:
    """Wilson's score interval of the mean of ``correct`` (Wilson, 1927; by scipy).

    Args:
        correct: bool (N,): pair decided rightly, probe identified, ...
        level: Confidence level, 0 to 1.

    Returns:
        Lower and upper end, 0 to 1.

    Raises:
        ValueError: If ``correct`` is empty or not one-dimensional.
    """
    from scipy.stats import binomtest  # takes a second to import
    decisions = _decisions(correct)
    found = binomtest(int(decisions.sum()), decisions.size).proportion_ci(level, method='wilson')
    return float(found.low), float(found.high)


def mean_rate_interval(groups: Sequence[ArrayLike], level: float = .95) -> tuple[float, float]:
    """Interval of the unweighted mean of the rates of independent groups.

    MOVER (Zou and Donner, Statistics in Medicine 27, 2008, equation 4): with Wilson limits
    l_g, u_g of each rate p_g, the lower end is mean(p) - sqrt(sum((p_g - l_g)^2)) / G, the upper
    end mean(p) + sqrt(sum((u_g - p_g)^2)) / G.

    Args:
        groups: For each group (a set of probes, a gallery) bool (N_g,).
        level: Confidence level, 0 to 1.

    Returns:
        Lower and upper end, 0 to 1.

    Raises:
        ValueError: Without groups, or if one is empty.
    """
    if not groups:
        raise ValueError('a mean of rates needs at least one group')
    rates = np.array([_decisions(group).mean() for group in groups])
    low, high = np.array([rate_interval(group, level) for group in groups]).T
    count = len(groups)
    return (float(max(0., rates.mean() - np.sqrt(((rates - low) ** 2).sum()) / count)),
            float(min(1., rates.mean() + np.sqrt(((high - rates) ** 2).sum()) / count)))


def paired_comparison(first: ArrayLike, second: ArrayLike,
                      level: float = .95) -> dict[str, float]:
    """Does the second model do better than the first on the same items?

    The interval of the difference is Newcombe's square-and-add interval for paired proportions
    (Statistics in Medicine 17, 1998, method 10 with the continuity-corrected phi), the p-value
    that of McNemar's exact test (statsmodels).

    Args:
        first, second: bool (N,), whether each item is right.
        level: Confidence level, 0 to 1.

    Returns:
        ``difference`` of the rates (second minus first), its ``low`` and ``high``, and ``p``,
        two-sided.

    Raises:
        ValueError: If the lengths differ or are 0.
    """
    from statsmodels.stats.contingency_tables import mcnemar  # takes two seconds to import
    one, two = np.asarray(first, bool), np.asarray(second, bool)
    if one.shape != two.shape or one.ndim != 1 or one.size == 0:
        raise ValueError(f'two equally long lists are needed, got {one.size} and {two.size}')
    table = np.array([[(two & one).sum(), (two & ~one).sum()],
                      [(~two & one).sum(), (~two & ~one).sum()]], float)
    phi = _phi(table, one.size)
    before, after = one.mean(), two.mean()
    low_before, high_before = rate_interval(one, level)
    low_after, high_after = rate_interval(two, level)

    def reach(a: float, b: float) -> float:
        return float(np.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.)))

    difference = float(after - before)
    return dict(difference=difference,
                low=difference - reach(after - low_after, high_before - before),
                high=difference + reach(high_after - after, before - low_before),
                p=float(mcnemar(table, exact=True).pvalue))


def _phi(table: NDArray[np.float64], count: int) -> float:
    """Correlation of the two decisions; a positive one is corrected towards 0 by N / 2."""
    margins = float(np.prod(table.sum(0)) * np.prod(table.sum(1)))
    if margins == 0:
        return 0.
    found = float(table[0, 0] * table[1, 1] - table[0, 1] * table[1, 0])
    if found > 0:
        found = max(found - count / 2, 0.)
    return found / float(np.sqrt(margins))
