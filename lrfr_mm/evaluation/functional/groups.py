"""Error rates of groups of people at one threshold."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrfr_mm.evaluation.functional.intervals import rate_interval

__all__ = ['group_error_rates']


def group_error_rates(vectors: ArrayLike, identities: ArrayLike, groups: ArrayLike,
                      threshold: float) -> dict[str, dict[str, float]]:
    """False matches and false non-matches within each group of people.

    The false match rate is that of pairs of different people of one group, as demographic effects
    are usually reported (Grother, Ngan, Hanaoka, NISTIR 8280, 2019): a threshold that is right for
    all may be wrong for a group.

    Args:
        vectors: Unit vectors of the images, (N, D).
        identities: Identity of each, int (N,).
        groups: Name of each image's group, (N,).
        threshold: Pairs with a cosine above it are accepted.

    Returns:
        Group to ``people``, ``images``, ``fmr`` and ``fnmr`` (0 to 1; NaN without such pairs), and
        ``fnmr_low`` and ``fnmr_high``, ``fmr_low`` and ``fmr_high``: 95 % Wilson intervals that
        count pairs of people, not of images, as the independent trials.

    Raises:
        ValueError: If the lengths differ.
    """
    embeddings = np.asarray(vectors, np.float64)
    people, names = np.asarray(identities), np.asarray(groups)
    if not len(embeddings) == len(people) == len(names):
        raise ValueError(f'{len(embeddings)} vectors, {len(people)} identities and {len(names)} '
                         'groups')
    out = {}
    for name in sorted({str(value) for value in names}):
        rows = np.flatnonzero(names == name)
        first, second = np.triu_indices(len(rows), 1)
        scores = np.einsum('nd,nd->n', embeddings[rows[first]], embeddings[rows[second]])
        same = people[rows[first]] == people[rows[second]]
        count = len(np.unique(people[rows]))
        mated_people = len(np.unique(people[rows[first[same]]]))
        figures: dict[str, float] = dict(people=count, images=len(rows))
        for key, errors, trials in (('fmr', scores[~same] > threshold, count * (count - 1) // 2),
                                    ('fnmr', scores[same] <= threshold, mated_people)):
            figures.update(_with_interval(key, errors, trials))
        out[name] = figures
    return out


def _with_interval(key: str, errors: NDArray[np.bool_], trials: int) -> dict[str, float]:
    if not errors.size:
        return {key: float('nan'), f'{key}_low': float('nan'), f'{key}_high': float('nan')}
    rate = float(errors.mean())
    low, high = rate_interval(np.arange(trials) < round(rate * trials))
    return {key: rate, f'{key}_low': low, f'{key}_high': high}
