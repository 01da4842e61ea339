"""1:N identification: pure functions on embeddings.

Labels are identities from 0 upwards. Two negative labels stand for images without an identity;
neither ever mates, not even with its own kind.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lrfr_mm.evaluation.functional.vectors import unit_vectors

__all__ = ['DISTRACTOR', 'TIE', 'UNKNOWN', 'GallerySearch', 'identification_problem',
           'identification_ranks', 'mean_average_precision', 'rank_k_accuracy', 'search_gallery',
           'tpir_at_fpir', 'unit_vectors']

DISTRACTOR = -1
"""Label of a gallery image that shows none of the probes' people."""
UNKNOWN = -2
"""Label of a probe whose person is not in the gallery."""
TIE = np.float32(1e-6)
"""Cosines that differ by no more are ties."""


@dataclass
class GallerySearch:
    """What a search of P probes found.

    Attributes:
        ranks: Rank of each probe's best mate, int64 (P,); 1 = best, 0 = it has no mate.
        mate_scores: Cosine of the best mate, float32 (P,); -inf without a mate.
        top_scores: Highest cosine of anybody, float32 (P,).
        mate_ranks: Ranks of all mates of all probes, ascending within a probe, int64 (M,).
        mate_starts: Where each probe's mates begin in ``mate_ranks``, int64 (P + 1,).
    """

    ranks: np.ndarray
    mate_scores: np.ndarray
    top_scores: np.ndarray
    mate_ranks: np.ndarray
    mate_starts: np.ndarray


def identification_problem(probes: ArrayLike, gallery: ArrayLike, probe_labels: ArrayLike,
                           gallery_labels: ArrayLike
                           ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Check what a search is given, and normalise the embeddings.

    Args:
        probes, gallery, probe_labels, gallery_labels: As of :func:`search_gallery`.

    Returns:
        Unit vectors float32 (P, D) and (G, D), labels (P,) and (G,).

    Raises:
        ValueError: For NaN embeddings (with the index), or sizes that do not fit.
    """
    queries, entries = unit_vectors(probes, 'probe'), unit_vectors(gallery, 'gallery entry')
    wanted, known = np.asarray(probe_labels), np.asarray(gallery_labels)
    if len(wanted) != len(queries) or len(known) != len(entries):
        raise ValueError(f'{len(wanted)} labels for {len(queries)} probes, '
                         f'{len(known)} for {len(entries)} gallery entries')
    if queries.shape[1] != entries.shape[1]:
        raise ValueError(f'probes have {queries.shape[1]} dimensions, gallery {entries.shape[1]}')
    if len(entries) == 0:
        raise ValueError('the gallery is empty')
    return queries, entries, wanted, known


def search_gallery(probes: ArrayLike, gallery: ArrayLike, probe_labels: ArrayLike,
                   gallery_labels: ArrayLike, chunk: int = 8192) -> GallerySearch:
    """Compare every probe with every gallery entry by cosine, never holding all scores at once.

    The rank of a mate is its place among the probe's mates plus the number of entries of other
    people that score at least as high: ties count against the probe, so that equal embeddings
    cannot score. Scores within 1e-6 are ties, since a matrix product gives equal vectors equal
    scores up to float32's rounding only. At most ``chunk`` x ``chunk`` scores exist at a time.

    Args:
        probes: Embeddings, (P, D); normalised here.
        gallery: Embeddings, (G, D).
        probe_labels: Identities, (P,) integers; ``UNKNOWN`` for a probe without a mate.
        gallery_labels: Identities, (G,) integers; ``DISTRACTOR`` for a person without a probe.
            Negative labels never mate.
        chunk: See above; 8192 takes 256 MiB.

    Raises:
        ValueError: For NaN embeddings (with the index), or sizes that do not fit.
    """
    probes, gallery, probe_labels, gallery_labels = identification_problem(
        probes, gallery, probe_labels, gallery_labels)
    order = np.argsort(gallery_labels, kind='stable')
    first = np.searchsorted(gallery_labels[order], probe_labels, side='left')
    last = np.searchsorted(gallery_labels[order], probe_labels, side='right')
    last = np.where(probe_labels >= 0, last, first)
    starts = np.concatenate([[0], np.cumsum(last - first)])
    budget = chunk * chunk
    columns = min(len(gallery), max(1, budget // 64))
    rows = max(1, min(len(probes), budget // columns))
    mate_ranks = np.zeros(starts[-1], np.int64)
    mate_scores = np.full(len(probes), -np.inf, np.float32)
    top_scores = np.full(len(probes), -np.inf, np.float32)
    for begin in range(0, len(probes), rows):
        block = slice(begin, min(begin + rows, len(probes)))
        mates = [order[first[p]:last[p]] for p in range(block.start, block.stop)]
        scores_of = [np.empty(len(m), np.float32) for m in mates]
        pieces = range(0, len(gallery), columns)
        for piece in pieces:  # scores of the mates, and of the best of all
            scores = probes[block] @ gallery[piece:piece + columns].T
            top_scores[block] = np.maximum(top_scores[block], scores.max(1))
            for row, (found, values) in enumerate(zip(mates, scores_of, strict=True)):
                here = (found >= piece) & (found < piece + columns)
                values[here] = scores[row, found[here] - piece]
        above = [np.zeros(len(m), np.int64) for m in mates]
        for values in scores_of:
            values[::-1].sort()
        for piece in pieces:  # how many score at least as high as each mate
            if len(pieces) > 1:
                # The same product of the same blocks: a pair has one score in both passes.
                scores = probes[block] @ gallery[piece:piece + columns].T
            for row, values in enumerate(scores_of):
                for k, value in enumerate(values):
                    above[row][k] += np.count_nonzero(scores[row] >= value - TIE)
        for row, values in enumerate(scores_of):
            if len(values):
                own = (values[None] >= values[:, None] - TIE).sum(1)  # mates among them
                place = np.arange(1, len(values) + 1) + above[row] - own
                position = block.start + row
                mate_ranks[starts[position]:starts[position + 1]] = place
                mate_scores[position] = values[0]
    ranks = np.zeros(len(probes), np.int64)
    have = np.diff(starts) > 0
    ranks[have] = mate_ranks[starts[:-1][have]]
    return GallerySearch(ranks, mate_scores, top_scores, mate_ranks, starts)


def identification_ranks(probes: ArrayLike, gallery: ArrayLike, probe_labels: ArrayLike,
                         gallery_labels: ArrayLike, chunk: int = 8192) -> np.ndarray:
    """Rank of each probe's best mate, int64 (P,): 1 = best, 0 = the probe has no mate.

    See :func:`search_gallery`.
    """
    return search_gallery(probes, gallery, probe_labels, gallery_labels, chunk).ranks


def rank_k_accuracy(ranks: ArrayLike, ks: Iterable[int] = (1, 5, 10, 20)) -> dict[int, float]:
    """Share of probes with a mate whose rank is at most k, 0 to 1, for each k.

    Args:
        ranks: (P,) of :func:`identification_ranks`; probes without a mate (0) do not count.
        ks: Ranks to report.

    Raises:
        ValueError: If no probe has a mate.
    """
    ranks = np.asarray(ranks)
    ranks = ranks[ranks > 0]
    if len(ranks) == 0:
        raise ValueError('no probe has a mate in the gallery')
    return {k: float((ranks <= k).mean()) for k in ks}


def mean_average_precision(search: GallerySearch, kind: str = 'step') -> float:
    """Mean over probes with mates of the average precision, 0 to 1.

    Args:
        search: Of :func:`search_gallery`.
        kind: 'step' is the mean over a probe's mates of (mates so far) / rank, as scikit-learn's
            ``average_precision_score``; 'trapezoid' averages each with the precision one place
            before, as TinyFace's evaluation code does.

    Raises:
        ValueError: If no probe has a mate, or for another ``kind``.
    """
    if kind not in ('step', 'trapezoid'):
        raise ValueError(f"kind must be 'step' or 'trapezoid', got {kind!r}")
    counts = np.diff(search.mate_starts)
    if counts.sum() == 0:
        raise ValueError('no probe has a mate in the gallery')
    probe = np.repeat(np.arange(len(counts)), counts)
    found = np.arange(len(probe)) - search.mate_starts[probe] + 1
    precision = found / search.mate_ranks
    if kind == 'trapezoid':
        before = np.where(search.mate_ranks > 1,
                          (found - 1) / np.maximum(search.mate_ranks - 1, 1), 1.)
        precision = (precision + before) / 2
    sums = np.bincount(probe, precision, len(counts))
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def tpir_at_fpir(search: GallerySearch, fpirs: Iterable[float] = (.01, .1, .2, .3),
                 rank: int = 20) -> dict[float, float]:
    """Open-set identification: true positive rate at false positive rates.

    A probe with mates is identified if its best mate is among the ``rank`` best entries and scores
    at least the threshold; a probe without mates is a false positive if anybody does. For each
    FPIR the lowest threshold is taken whose false positive rate does not exceed it.

    Returns:
        ``{fpir: tpir}``, 0 to 1.

    Raises:
        ValueError: Without probes of both kinds.
    """
    mated = search.ranks > 0
    if not mated.any() or mated.all():
        raise ValueError('open-set rates need probes with and without mates, all are '
                         + ('with' if mated.any() else 'without'))
    unknown = np.sort(search.top_scores[~mated])[::-1]
    known = np.where(search.ranks[mated] <= rank, search.mate_scores[mated], -np.inf)
    rates = {}
    for fpir in fpirs:
        allowed = int(np.floor(fpir * len(unknown) + 1e-9))
        limit = unknown[allowed] if allowed < len(unknown) else -np.inf
        rates[fpir] = float((known > limit).mean())
    return rates
