"""Templates: several images of a person as one vector (IJB-B, IJB-C)."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.vectors import normalise

__all__ = ['template_pair_scores', 'template_vectors']


def template_vectors(embeddings: np.ndarray, template_ids: np.ndarray, media_ids: np.ndarray,
                     weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """One unit vector a template: mean within each medium, sum over media, normalised.

    Args:
        embeddings: Of the images, (N, D), not normalised unless wanted so.
        template_ids: Template of each image, (N,) integers.
        media_ids: Medium of each image, (N,): frames of one video share it.
        weights: Factor of each image before the mean (a detector's score, as insightface does).

    Returns:
        float32 (T, D), and the template of each row, ascending, (T,).

    Raises:
        ValueError: For NaN embeddings (with the index), or lengths that differ.
    """
    embeddings = np.asarray(embeddings, np.float32)
    template_ids, media_ids = np.asarray(template_ids), np.asarray(media_ids)
    if not len(embeddings) == len(template_ids) == len(media_ids):
        raise ValueError(f'{len(embeddings)} embeddings, {len(template_ids)} templates and '
                         f'{len(media_ids)} media do not belong together')
    finite = np.isfinite(embeddings).all(1)
    if not finite.all():
        raise ValueError(f'embedding {int(np.argmin(finite))} has NaN or infinite numbers')
    order = np.lexsort((media_ids, template_ids))
    template, medium = template_ids[order], media_ids[order]
    vectors = embeddings[order]
    if weights is not None:
        vectors = vectors * np.asarray(weights, np.float32)[order][:, None]
    begins = np.r_[True, (template[1:] != template[:-1]) | (medium[1:] != medium[:-1])]
    starts = np.flatnonzero(begins)
    counts = np.diff(np.r_[starts, len(vectors)])
    media = np.add.reduceat(vectors, starts, axis=0) / counts[:, None]
    owner = template[starts]
    firsts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    sums = np.add.reduceat(media, firsts, axis=0)
    return normalise(sums), owner[firsts]


def template_pair_scores(vectors: np.ndarray, first: np.ndarray, second: np.ndarray,
                         chunk: int = 100000) -> np.ndarray:
    """Cosines, float32 (P,), of pairs of rows of ``vectors``, ``chunk`` pairs at a time."""
    scores = np.empty(len(first), np.float32)
    for start in range(0, len(first), chunk):
        part = slice(start, start + chunk)
        scores[part] = np.einsum('nd,nd->n', vectors[first[part]], vectors[second[part]])
    return np.clip(scores, -1, 1)
