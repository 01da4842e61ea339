"""How good scores are as evidence: log-likelihood ratios, their cost and their calibration."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrfr_mm.evaluation.functional.verification import check_both_kinds, check_scores

__all__ = ['cllr', 'expected_calibration_error', 'minimum_cllr', 'pav_log_likelihood_ratios',
           'reliability']


def cllr(llrs: ArrayLike, is_same: ArrayLike) -> float:
    """Cost of log-likelihood ratios, bits (Bruemmer and du Preez, 2006, equation 4).

    Cllr = (mean over same pairs of log2(1 + e^-llr) + mean over different pairs of
    log2(1 + e^llr)) / 2. 0 for perfect evidence, 1 for scores that say nothing (llr = 0); above 1
    they mislead.

    Args:
        llrs: Natural log-likelihood ratios, same over different, (N,).
        is_same: True for pairs of one identity, (N,).

    Raises:
        ValueError: For NaN or infinite ratios, wrong shapes, or pairs of one kind only.
    """
    ratios, same = check_scores(llrs, is_same)
    check_both_kinds(same)
    ratios = ratios.astype(np.float64)
    return _cost(ratios, same)


def _cost(ratios: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    misses = np.logaddexp(0, -ratios[same]).mean()
    false_accepts = np.logaddexp(0, ratios[~same]).mean()
    return float((misses + false_accepts) / (2 * np.log(2)))


def pav_log_likelihood_ratios(scores: ArrayLike, is_same: ArrayLike) -> NDArray[np.float64]:
    """The non-decreasing function of the scores that has the least Cllr on these pairs.

    Isotonic regression (pool adjacent violators, by scikit-learn) of the labels on the scores
    gives the posterior; the logarithm of its odds minus that of the prior odds is the ratio.

    Args:
        scores: Higher = more alike, (N,).
        is_same: True for pairs of one identity, (N,).

    Returns:
        float64 (N,); infinite where only one kind of pair has such scores.

    Raises:
        ValueError: As of :func:`cllr`.
    """
    from sklearn.isotonic import IsotonicRegression
    values, same = check_scores(scores, is_same)
    check_both_kinds(same)
    posterior = IsotonicRegression(y_min=0, y_max=1).fit_transform(
        values.astype(np.float64), same.astype(np.float64))
    with np.errstate(divide='ignore'):
        odds = np.log(posterior) - np.log1p(-posterior)
    return np.asarray(odds - np.log(same.sum() / (~same).sum()), np.float64)


def minimum_cllr(scores: ArrayLike, is_same: ArrayLike) -> float:
    """The part of Cllr that no calibration removes, bits: Cllr after the best monotone mapping.

    Args:
        scores: Higher = more alike, (N,); any monotone function of the ratios gives the same.
        is_same: True for pairs of one identity, (N,).

    Raises:
        ValueError: As of :func:`cllr`.
    """
    return _cost(pav_log_likelihood_ratios(scores, is_same), np.asarray(is_same, bool))


def _probabilities(probabilities: ArrayLike, is_same: ArrayLike
                   ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, same = check_scores(probabilities, is_same)
    outside = np.flatnonzero((values < 0) | (values > 1))
    if len(outside):
        raise ValueError(f'probability of pair {outside[0]} is {values[outside[0]]}, 0 to 1 needed')
    return values.astype(np.float64), same


def reliability(probabilities: ArrayLike, is_same: ArrayLike, bins: int = 15
                ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Reliability diagram: what was said against what is true, in bins of equal width.

    Args:
        probabilities: Said probability that a pair is of one identity, 0 to 1, (N,).
        is_same: True for pairs of one identity, (N,).
        bins: Number of bins from 0 to 1; the last one holds 1 as well.

    Returns:
        Mean probability, share of same pairs, and pairs of each bin that is not empty, (K,) each.

    Raises:
        ValueError: For probabilities outside 0 to 1, wrong shapes, or no bins.
    """
    values, same = _probabilities(probabilities, is_same)
    if bins < 1:
        raise ValueError(f'bins must be at least 1, got {bins}')
    place = np.minimum((values * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    said = np.bincount(place, values, bins)
    true = np.bincount(place, same, bins)
    used = counts > 0
    return said[used] / counts[used], true[used] / counts[used], counts[used]


def expected_calibration_error(probabilities: ArrayLike, is_same: ArrayLike,
                               bins: int = 15) -> float:
    """ECE, 0 to 1 (Naeini et al., AAAI 2015): mean over pairs of |said - true| of their bin.

    Args:
        probabilities, is_same, bins: As of :func:`reliability`.

    Raises:
        ValueError: As of :func:`reliability`.
    """
    said, true, counts = reliability(probabilities, is_same, bins)
    return float((counts * np.abs(said - true)).sum() / counts.sum())
