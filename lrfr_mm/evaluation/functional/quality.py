"""Scores that know how good the images are."""
from __future__ import annotations

import numpy as np

__all__ = ['quality_weighted_scores']


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
