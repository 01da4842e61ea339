"""1:N identification: pure functions on embeddings."""
from __future__ import annotations

import numpy as np

__all__ = ['identification_ranks', 'rank_k_accuracy']


def _unit(embeddings, name: str) -> np.ndarray:
    embeddings = np.asarray(embeddings, dtype=np.float32)
    if embeddings.ndim != 2:
        raise ValueError(f'{name} must be (N, D), got shape {embeddings.shape}')
    bad = np.flatnonzero(~np.isfinite(embeddings).all(1))
    if len(bad):
        raise ValueError(f'{name} {bad[0]} has NaN or infinite numbers ({len(bad)} in all)')
    return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)


def identification_ranks(probes, gallery, probe_labels, gallery_labels,
                         chunk: int = 4096) -> np.ndarray:
    """Rank of each probe's best mate in the gallery, by cosine, without the whole score matrix.

    A rank is 1 + the number of non-mates that score at least as high as the best mate: ties count
    against the probe, so that equal embeddings cannot score.

    Args:
        probes: Embeddings, (P, D); normalised here.
        gallery: Embeddings, (G, D).
        probe_labels: Identities, (P,).
        gallery_labels: Identities, (G,).
        chunk: Probes and gallery entries compared at a time; memory is chunk x chunk x 4 bytes,
            a few times over.

    Returns:
        int64 (P,), 1 = best, 0 = the probe has no mate in the gallery.

    Raises:
        ValueError: For NaN embeddings (with the index), or sizes that do not fit.
    """
    probes, gallery = _unit(probes, 'probe'), _unit(gallery, 'gallery entry')
    probe_labels, gallery_labels = np.asarray(probe_labels), np.asarray(gallery_labels)
    if len(probe_labels) != len(probes) or len(gallery_labels) != len(gallery):
        raise ValueError(f'{len(probe_labels)} labels for {len(probes)} probes, '
                         f'{len(gallery_labels)} for {len(gallery)} gallery entries')
    if probes.shape[1] != gallery.shape[1]:
        raise ValueError(f'probes have {probes.shape[1]} dimensions, gallery {gallery.shape[1]}')
    ranks = np.zeros(len(probes), np.int64)
    starts = range(0, len(gallery), chunk)
    for first in range(0, len(probes), chunk):
        block, labels = probes[first:first + chunk], probe_labels[first:first + chunk]
        # Both passes multiply blocks of the same shapes, so a pair has one score in both.
        best = np.full(len(block), -np.inf, np.float32)
        for start in starts:
            scores = block @ gallery[start:start + chunk].T
            mates = labels[:, None] == gallery_labels[None, start:start + chunk]
            scores[~mates] = -np.inf
            best = np.maximum(best, scores.max(1))
        beaten = np.zeros(len(block), np.int64)
        for start in starts:
            scores = block @ gallery[start:start + chunk].T
            mates = labels[:, None] == gallery_labels[None, start:start + chunk]
            beaten += ((scores >= best[:, None]) & ~mates).sum(1)
        ranks[first:first + chunk] = np.where(np.isfinite(best), beaten + 1, 0)
    return ranks


def rank_k_accuracy(ranks, ks=(1, 5, 10, 20)) -> dict[int, float]:
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
