"""1:1 verification: pure functions on scores. Cosine similarities, higher = more alike."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['PROTOCOLS', 'auc', 'check_both_kinds', 'check_scores', 'det_points', 'eer',
           'kfold_verification', 'roc_points', 'tar_at_far']

PROTOCOLS = ('exact', 'insightface', 'xqlfw', 'lrfr')


def check_scores(scores: ArrayLike, is_same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N,) as float64 (float32 stays) and labels (N,) as bool; ValueError for anything but
    finite pairs.
    """
    scores = np.asarray(scores)
    if scores.dtype != np.float32:
        scores = scores.astype(np.float64)
    is_same = np.asarray(is_same)
    if scores.ndim != 1 or scores.shape != is_same.shape or len(scores) == 0:
        raise ValueError(f'scores and is_same must be two (N,) arrays with N > 0, '
                         f'got {scores.shape} and {is_same.shape}')
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise ValueError(f'score of pair {bad[0]} is {scores[bad[0]]} '
                         f'({len(bad)} of {len(scores)} are not finite)')
    return scores, is_same.astype(bool)


def check_both_kinds(is_same: np.ndarray) -> None:
    """Raise ValueError unless there are same and different pairs in ``is_same``, bool (N,)."""
    if is_same.all() or not is_same.any():
        raise ValueError('pairs of both kinds are needed, all are '
                         + ('same' if is_same.all() else 'different'))


def roc_points(scores: ArrayLike, is_same: ArrayLike
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every operating point of the rule ``score >= threshold``.

    Args:
        scores: Cosine similarities, (N,).
        is_same: True for pairs of one identity, (N,).

    Returns:
        ``far, tar, thresholds``, each (K + 1,) for K distinct scores, rates from 0 to 1, in rising
        order of FAR; the first point is (0, 0) at threshold +inf.

    Raises:
        ValueError: For NaN or infinite scores, wrong shapes, or pairs of one kind only.
    """
    scores, is_same = check_scores(scores, is_same)
    check_both_kinds(is_same)
    order = np.argsort(-scores, kind='stable')
    scores, is_same = scores[order], is_same[order]
    last = np.r_[np.flatnonzero(np.diff(scores)), len(scores) - 1]
    accepted_same = np.cumsum(is_same)[last]
    accepted_diff = last + 1 - accepted_same
    far = np.r_[0., accepted_diff / (~is_same).sum()]
    tar = np.r_[0., accepted_same / is_same.sum()]
    return far, tar, np.r_[np.inf, scores[last]]


def det_points(scores: ArrayLike, is_same: ArrayLike
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Detection error trade-off: both error rates of the rule ``score >= threshold``.

    Args:
        scores: Cosine similarities, (N,).
        is_same: True for pairs of one identity, (N,).

    Returns:
        False match rates, false non-match rates and thresholds, each (K + 1,) for K distinct
        scores, rates from 0 to 1, in rising order of the false match rate.

    Raises:
        ValueError: As of :func:`roc_points`.
    """
    far, tar, thresholds = roc_points(scores, is_same)
    return far, 1 - tar, thresholds


def tar_at_far(scores: ArrayLike, is_same: ArrayLike, fars: Iterable[float] = (1e-4, 1e-3, 1e-2)
               ) -> dict[float, float]:
    """Largest true accept rate whose false accept rate does not exceed each of ``fars``.

    No interpolation: with N different pairs, rates below 1 / N mean no false accept at all.

    Returns:
        ``{far: tar}``, rates from 0 to 1.
    """
    scores, is_same = check_scores(scores, is_same)
    check_both_kinds(is_same)
    different = np.sort(scores[~is_same])[::-1]
    rates = {}
    for far in fars:
        allowed = int(np.floor(far * len(different) + 1e-9))
        # What scores above the first different pair that is one too many may be accepted.
        limit = different[allowed] if allowed < len(different) else -np.inf
        rates[far] = float((scores[is_same] > limit).mean())
    return rates


def auc(scores: ArrayLike, is_same: ArrayLike) -> float:
    """Area under the ROC curve, 0 to 1 (trapezoids: ties count one half)."""
    far, tar, _ = roc_points(scores, is_same)
    return float(np.sum(np.diff(far) * (tar[1:] + tar[:-1]) / 2))


def eer(scores: ArrayLike, is_same: ArrayLike) -> float:
    """Equal error rate, 0 to 1: where FAR meets 1 - TAR, linear between operating points."""
    far, tar, _ = roc_points(scores, is_same)
    gap = far - (1 - tar)
    after = int(np.argmax(gap >= 0))
    if after == 0 or gap[after] == 0:
        return float(far[after])
    part = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(far[after - 1] + part * (far[after] - far[after - 1]))


def kfold_verification(scores: ArrayLike, is_same: ArrayLike, folds: int = 10,
                       protocol: str = 'exact') -> dict[str, Any]:
    """LFW-style accuracy: for each of consecutive folds, the best threshold of the others.

    Protocols (which threshold, which comparison, which of equally good ones):

    - 'exact': every distinct score is a candidate, ``score >= t``, the highest best one.
    - 'insightface': squared distance 2 - 2 cos, 0 to 4 step 0.01, ``d < t``, the first best.
    - 'xqlfw': distance 1 - cos, 0 to 2 step 0.001, ``d < t``, the first best.
    - 'lrfr': cosine, -1 to 1 step 0.005, ``cos > t``, the last best.

    Args:
        scores: Cosine similarities, (N,), in the benchmark's order.
        is_same: True for pairs of one identity, (N,).
        folds: Number of folds, at least 2 and at most N. Where N is not divisible, the first
            N mod folds of them are one pair longer, as in scikit-learn's KFold.
        protocol: One of the above.

    Returns:
        ``accuracy`` (mean over folds, 0 to 1), ``accuracy_std`` (population standard deviation),
        ``accuracies`` (folds,), ``thresholds`` (folds,) in cosine for every protocol, ``correct``
        (N,), whether each pair is decided rightly by its fold's threshold, and for
        'insightface' ``val`` and ``val_far``: TAR and FAR at the threshold whose FAR is 1e-3 on
        the other folds (grid step 0.001, linear interpolation), means over folds.

    Raises:
        ValueError: For NaN scores, wrong shapes, folds out of range or an unknown protocol.
    """
    scores, is_same = check_scores(scores, is_same)
    scores = scores.astype(np.float64)
    if protocol not in PROTOCOLS:
        raise ValueError(f'protocol must be one of {", ".join(PROTOCOLS)}, got {protocol!r}')
    if not 2 <= folds <= len(scores):
        raise ValueError(f'folds must be from 2 to the number of pairs ({len(scores)}), '
                         f'got {folds}')
    sizes = np.full(folds, len(scores) // folds)
    sizes[:len(scores) % folds] += 1
    fold_of = np.repeat(np.arange(folds), sizes)
    if protocol == 'exact':
        accuracies, thresholds = _exact_folds(scores, is_same, fold_of, folds)
        correct = (scores >= thresholds[fold_of]) == is_same
        return _summary(accuracies, thresholds, correct)
    distance, grid, to_cosine = _GRIDS[protocol]
    values = distance(scores)
    counts = _correct_on_grid(values, is_same, fold_of, folds, grid)
    others = counts.sum(0) - counts
    if protocol == 'lrfr':
        best = len(grid) - 1 - np.argmax(others[:, ::-1], axis=1)
    else:
        best = np.argmax(others, axis=1)
    accuracies = counts[np.arange(folds), best] / sizes
    correct = (values < grid[best][fold_of]) == is_same
    result = _summary(accuracies, to_cosine(grid[best]), correct)
    if protocol == 'insightface':
        result.update(_validation_rate(values, is_same, fold_of, folds))
    return result


def _summary(accuracies: np.ndarray, thresholds: np.ndarray, correct: np.ndarray
             ) -> dict[str, Any]:
    return dict(accuracy=float(accuracies.mean()), accuracy_std=float(accuracies.std()),
                accuracies=accuracies, thresholds=thresholds, correct=correct)


# protocol: scores to the value that is compared, thresholds, thresholds back to cosine. 'lrfr' is
# turned around (-cos < -t) so that all three accept what lies below the threshold; its grid then
# runs from high to low.
_GRIDS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], np.ndarray,
                         Callable[[np.ndarray], np.ndarray]]] = {
    'insightface': (lambda s: 2 - 2 * s, np.arange(0, 4, .01), lambda t: 1 - t / 2),
    'xqlfw': (lambda s: 1 - s, np.arange(0, 2, .001), lambda t: 1 - t),
    'lrfr': (lambda s: -s, -np.arange(-1, 1, .005), lambda t: -t),
}


def _below(values: np.ndarray, groups: np.ndarray, num_groups: int,
           grid: np.ndarray) -> np.ndarray:
    """How many ``values`` of each group lie strictly below each of ``grid``: (groups, grid)."""
    order = np.argsort(grid, kind='stable')
    counts = np.zeros((num_groups, len(grid)), np.int64)
    for group in range(num_groups):
        inside = np.sort(values[groups == group])
        counts[group, order] = np.searchsorted(inside, grid[order], side='left')
    return counts


def _correct_on_grid(values: np.ndarray, is_same: np.ndarray, fold_of: np.ndarray, folds: int,
                     grid: np.ndarray) -> np.ndarray:
    same = _below(values[is_same], fold_of[is_same], folds, grid)
    diff = _below(values[~is_same], fold_of[~is_same], folds, grid)
    num_diff = np.bincount(fold_of[~is_same], minlength=folds)
    return np.asarray(same + num_diff[:, None] - diff)


def _exact_folds(scores: np.ndarray, is_same: np.ndarray, fold_of: np.ndarray, folds: int
                 ) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-scores, kind='stable')
    scores, gain = scores[order], np.where(is_same[order], 1, -1)
    fold_of, is_same = fold_of[order], is_same[order]
    accuracies, thresholds = np.empty(folds), np.empty(folds)
    for fold in range(folds):
        train = fold_of != fold
        candidates, rise = scores[train], np.cumsum(gain[train])
        last = np.r_[np.flatnonzero(np.diff(candidates)), len(candidates) - 1]
        best = last[np.argmax(rise[last])]
        threshold = candidates[best] if rise[best] > 0 else np.inf  # accepting nobody is a rule too
        test = ~train
        thresholds[fold] = threshold
        accuracies[fold] = np.mean((scores[test] >= threshold) == is_same[test])
    return accuracies, thresholds


def _validation_rate(distances: np.ndarray, is_same: np.ndarray, fold_of: np.ndarray, folds: int,
                     far_target: float = 1e-3) -> dict[str, float]:
    grid = np.arange(0, 4, .001)
    diff = _below(distances[~is_same], fold_of[~is_same], folds, grid)
    num_same = np.bincount(fold_of[is_same], minlength=folds)
    num_diff = np.bincount(fold_of[~is_same], minlength=folds)
    val, far = np.zeros(folds), np.zeros(folds)
    for fold in range(folds):
        others = num_diff.sum() - num_diff[fold]
        train_far = (diff.sum(0) - diff[fold]) / max(others, 1)
        threshold = 0.
        if train_far.max() >= far_target:
            # A line from the last grid point below the target to the first that reaches it.
            high = int(np.searchsorted(train_far, far_target, side='left'))
            low = high - 1
            part = (far_target - train_far[low]) / (train_far[high] - train_far[low])
            threshold = grid[low] + part * (grid[high] - grid[low])
        test = fold_of == fold
        accepted = distances[test] < threshold
        val[fold] = (accepted & is_same[test]).sum() / max(num_same[fold], 1)
        far[fold] = (accepted & ~is_same[test]).sum() / max(num_diff[fold], 1)
    return dict(val=float(val.mean()), val_far=float(far.mean()))
