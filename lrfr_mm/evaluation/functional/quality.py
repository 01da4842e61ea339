"""Scores that know how good the images are."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.verification import auc, check_scores, tar_at_far

__all__ = ['fit_quality_weight', 'quality_weighted_scores']


def quality_weighted_scores(scores: np.ndarray, first: np.ndarray, second: np.ndarray,
                            slope: float, offset: float) -> np.ndarray:
    """``s + min(0, slope * s - offset) * min(q1, q2)`` (QMagFace; Terhoerst et al., WACV 2023).

    Unlike pairs of good images are pushed further apart; nothing changes above
    ``s = offset / slope``.

    Args:
        scores: Cosines, (P,).
        first, second: Quality of each pair's images, (P,): the embeddings' lengths for networks
            trained so that length tells quality (MagFace, AdaFace).
        slope, offset: Of the weight; fitted on other data.
    """
    weight = np.minimum(first, second)
    return np.asarray(scores + np.minimum(0, slope * scores - offset) * weight)


def fit_quality_weight(scores: np.ndarray, is_same: np.ndarray, first: np.ndarray,
                       second: np.ndarray, far: float = 1e-2) -> dict[str, float]:
    """The slope and the offset of :func:`quality_weighted_scores` that suit these pairs best.

    Best is the largest true accept rate at ``far``, and among equals the largest area under the ROC
    curve, then the smallest slope. Tried are 20 zeros of the weight (quantiles of the scores) and
    24 slopes, from 0.02 to 5 divided by the pairs' mean quality, and none. QMagFace fits a line
    through the best weights at several thresholds instead.

    Args:
        scores: Cosines, (P,).
        is_same: bool (P,).
        first, second: Quality of each pair's images, (P,).
        far: False accept rate, 0 to 1.

    Returns:
        ``slope`` and ``offset``; both 0 where no weight is better than none.
    """
    scores, is_same = check_scores(scores, is_same)
    slopes = np.geomspace(.02, 5, 24) / np.minimum(first, second).mean()
    candidates = [(0., 0.)] + [(slope, slope * zero) for slope in slopes
                               for zero in np.quantile(scores, np.linspace(.05, 1, 20))]

    def worth(weight: tuple[float, float]) -> tuple[float, float, float]:
        weighted = quality_weighted_scores(scores, first, second, *weight)
        return tar_at_far(weighted, is_same, [far])[far], auc(weighted, is_same), -weight[0]

    slope, offset = max(candidates, key=worth)
    return dict(slope=float(slope), offset=float(offset))
