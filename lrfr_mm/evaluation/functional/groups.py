"""Error rates of groups of people at one threshold."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrfr_mm.evaluation.functional.intervals import rate_interval
from lrfr_mm.evaluation.functional.person_pairs import (
    person_pair_counts,
    person_pair_interval,
    person_pair_rate,
)

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
        their 95 % intervals over people: ``fmr_low`` to ``fmr_high`` of
        ``person_pair_interval``, ``fnmr_low`` to ``fnmr_high`` by Wilson with the people
        as the independent trials.

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
        accepted = np.einsum('nd,nd->n', embeddings[rows[first]],
                             embeddings[rows[second]]) > threshold
        present, codes = np.unique(people[rows], return_inverse=True)
        one, two = codes[first], codes[second]
        out[name] = dict(people=len(present), images=len(rows),
                         **_false_matches(one, two, accepted, len(present)),
                         **_false_non_matches(one[one == two], accepted[one == two]))
    return out


def _false_matches(one: NDArray[np.int64], two: NDArray[np.int64], accepted: NDArray[np.bool_],
                   people: int) -> dict[str, float]:
    other = one != two
    compared = person_pair_counts(one[other], two[other], people)
    wrong = other & accepted
    rate, error = person_pair_rate(person_pair_counts(one[wrong], two[wrong], people), compared)
    if not other.any():
        return dict(fmr=float('nan'), fmr_low=float('nan'), fmr_high=float('nan'))
    low, high = person_pair_interval(rate, error, people, people * (people - 1) // 2)
    return dict(fmr=rate, fmr_low=float(low), fmr_high=float(high))


def _false_non_matches(person: NDArray[np.int64], accepted: NDArray[np.bool_]) -> dict[str, float]:
    """``fnmr`` of the mated pairs of each person and its interval."""
    if not person.size:
        return dict(fnmr=float('nan'), fnmr_low=float('nan'), fnmr_high=float('nan'))
    rate, trials = float((~accepted).mean()), len(np.unique(person))
    low, high = rate_interval(np.arange(trials) < round(rate * trials))
    return dict(fnmr=rate, fnmr_low=low, fnmr_high=high)
