"""From the embeddings of an image and its mirror to one vector, and to pair scores."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.vectors import normalise

__all__ = ['FLIP_TESTS', 'fuse_flip', 'pair_scores']

FLIP_TESTS = ('none', 'concat', 'sum')


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


def pair_scores(first: np.ndarray, second: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cosines, float64 (P,), of unit vectors ``first[pairs[:, 0]]``, ``second[pairs[:, 1]]``."""
    scores = np.einsum('nd,nd->n', first[pairs[:, 0]], second[pairs[:, 1]], dtype=np.float64)
    return np.asarray(np.clip(scores, -1., 1.))
