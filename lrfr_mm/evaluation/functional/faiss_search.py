"""1:N identification by faiss, for galleries of many millions."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lrfr_mm.evaluation.functional.identification import (
    TIE,
    GallerySearch,
    identification_problem,
)

__all__ = ['FAISS_INDEXES', 'search_gallery_faiss']

FAISS_INDEXES = ('flat', 'ivf', 'hnsw')


def search_gallery_faiss(probes: ArrayLike, gallery: ArrayLike, probe_labels: ArrayLike,
                         gallery_labels: ArrayLike, index: str = 'flat', k: int = 100,
                         seed: int = 0) -> tuple[GallerySearch, float]:
    """The ``k`` best entries of each probe by faiss, for galleries of many millions.

    Ranks are exact up to what the index misses, with ties against the probe as far as the k best
    show them; a mate that is not among these has rank k + 1. Ranks of further mates are not known,
    so there is no average precision.

    Args:
        probes, gallery, probe_labels, gallery_labels: As of ``search_gallery``.
        index: 'flat' (exact), 'ivf' (4 sqrt(G) cells, of which 32 are searched) or 'hnsw' (graph
            with 32 neighbours, 128 searched).
        k: Entries to look at.
        seed: Of the 500 probes (at most) on which the recall is measured.

    Returns:
        The search, and the recall: share of the true k best, by brute force, that were found.

    Raises:
        ImportError: Without faiss.
        ValueError: For another index.
    """
    if index not in FAISS_INDEXES:
        raise ValueError(f'index must be one of {", ".join(FAISS_INDEXES)}, got {index!r}')
    try:
        import faiss
    except ImportError:
        raise ImportError(f'the {index} index needs `pip install faiss-cpu`') from None
    probes, gallery, probe_labels, gallery_labels = identification_problem(
        probes, gallery, probe_labels, gallery_labels)
    k = min(k, len(gallery))
    engine = _index(faiss, index, gallery, k)
    scores, found = engine.search(probes, k)
    mates = ((gallery_labels[found] == probe_labels[:, None]) & (found >= 0)
             & (probe_labels >= 0)[:, None])
    hit = mates.any(1)
    first = mates.argmax(1)
    best = np.where(hit, scores[np.arange(len(probes)), first], -np.inf).astype(np.float32)
    others = ((scores >= best[:, None] - TIE) & ~mates & (found >= 0)).sum(1)
    known = np.isin(probe_labels, gallery_labels) & (probe_labels >= 0)
    ranks = np.where(hit, others + 1, np.where(known, k + 1, 0))
    sample = np.random.default_rng(seed).permutation(len(probes))[:500]
    recall = 1.
    if index != 'flat':
        exact = _index(faiss, 'flat', gallery, k)
        _, truth = exact.search(probes[sample], k)
        recall = float(np.mean([np.isin(a, b).mean() for a, b in zip(truth, found[sample],
                                                                      strict=True)]))
    empty = np.zeros(len(probes) + 1, np.int64)
    return GallerySearch(ranks.astype(np.int64), best, scores[:, 0].astype(np.float32),
                         empty[:0], empty), recall


def _index(faiss: Any, kind: str, gallery: np.ndarray, k: int) -> Any:
    """The faiss index of the unit vectors ``gallery`` (G, D), to be asked for ``k`` entries."""
    dims = gallery.shape[1]
    if kind == 'flat':
        index = faiss.IndexFlatIP(dims)
    elif kind == 'ivf':
        cells = max(1, min(int(4 * len(gallery) ** .5), len(gallery) // 39))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dims), dims, cells,
                                   faiss.METRIC_INNER_PRODUCT)
        index.train(gallery)
        index.nprobe = min(32, cells)
    else:
        index = faiss.IndexHNSWFlat(dims, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = max(128, k)
    index.add(gallery)
    return index
