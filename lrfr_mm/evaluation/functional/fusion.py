"""From the embeddings of an image and its mirror, or of a track, to one vector; pair scores."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.vectors import normalise

__all__ = ['FLIP_TESTS', 'QUALITY_POWER', 'fuse_flip', 'fuse_track', 'pair_scores']

FLIP_TESTS = ('none', 'concat', 'sum')
# Of the quality, for the weights of a track's views: the plain mean, the quality itself and its
# square are worse where sizes differ (docs/deploy.md, Tracks).
QUALITY_POWER = 4


def fuse_flip(embeddings: np.ndarray, mirrored: np.ndarray | None, flip_test: str) -> np.ndarray:
    """One unit vector an image.

    Args:
        embeddings: Of the images, (N, D), not normalised.
        mirrored: Of their mirror images, (N, D); not used by 'none'.
        flip_test: 'none'; 'concat' puts one behind the other (the paper's LFW and XQLFW runs);
            'sum' adds them (insightface).

    Returns:
        float32 (N, D), or (N, 2 D) for 'concat', of length 1.
    """
    if flip_test not in FLIP_TESTS:
        raise ValueError(f'flip_test must be one of {", ".join(FLIP_TESTS)}, got {flip_test!r}')
    if flip_test == 'concat':
        embeddings = np.concatenate([embeddings, mirrored], 1)
    elif flip_test == 'sum':
        embeddings = embeddings + mirrored
    embeddings = np.asarray(embeddings, np.float32)
    return normalise(embeddings)


def fuse_track(embeddings: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """One unit vector for several embeddings of one person.

    Args:
        embeddings: Unit vectors (N, D).
        weights: Weight of each, (N,), not negative, for example
            ``Face.quality ** QUALITY_POWER``; None for the plain mean.

    Returns:
        float32 (D,).

    Raises:
        ValueError: If there is no embedding, or the weights do not fit or are all 0.
    """
    embeddings = np.atleast_2d(np.asarray(embeddings, np.float64))
    weights = np.ones(len(embeddings)) if weights is None else np.asarray(weights, float)
    if embeddings.size == 0 or weights.shape != (len(embeddings),):
        raise ValueError(f'{len(weights)} weights for embeddings {embeddings.shape}')
    if (weights < 0).any() or not weights.any():
        raise ValueError('weights must not be negative, nor all 0')
    mean: np.ndarray = weights @ embeddings
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def pair_scores(first: np.ndarray, second: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosines, float64 (P,), of unit vectors ``first[pairs[:, 0]]``, ``second[pairs[:, 1]]``."""
    scores = np.einsum('nd,nd->n', first[pairs[:, 0]], second[pairs[:, 1]], dtype=np.float64)
    return np.asarray(np.clip(scores, -1., 1.))
