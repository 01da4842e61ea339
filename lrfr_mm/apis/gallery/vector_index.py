"""Unit vectors in memory, searched by faiss."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lrfr_mm.errors import MissingDependencyError

__all__ = ['VectorIndex']

_REMOVE_FROM = 1000


class VectorIndex:
    """Finds the nearest of many unit vectors, exactly or through codes.

    Removing vectors from a faiss index copies what follows them (seconds for a million codes), so
    what is removed is only left out of the answers until it is a hundredth of the index.

    Args:
        dims: Length of the vectors.
        candidates: Of a trained index, how many of the best codes are compared exactly.
        stored: Takes ascending ids (N,) and gives those that are still stored (M,) and their
            vectors (M, dims), for the exact comparison.

    Raises:
        MissingDependencyError: Without faiss.
    """

    def __init__(self, dims: int, candidates: int,
                 stored: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]):
        try:
            import faiss
        except ImportError:
            raise MissingDependencyError('a gallery needs `pip install faiss-cpu`') from None
        self._faiss = faiss
        self.dims, self.candidates, self._stored = dims, candidates, stored
        self.trained_for = 0
        self._start(faiss.IndexFlatIP(dims))

    def _start(self, index) -> None:
        self._index = index
        self._ids = np.empty(0, np.int64)  # of each position, ascending
        self._gone = np.empty(0, np.int64)
        self.last = 0

    def __len__(self) -> int:
        return len(self._ids) - len(self._gone)

    def train(self, sample: np.ndarray, count: int) -> None:
        """Empty the index, and learn codes of 2 bits a number (product quantisation, Jegou et al.,
        PAMI 2011, in the form of Andre et al., PAMI 2021).

        Args:
            sample: Vectors (N, dims) to learn from.
            count: Vectors that the index will hold.
        """
        faiss = self._faiss
        parts = self.dims // 2 if self.dims % 2 == 0 else self.dims
        index = faiss.IndexPQFastScan(self.dims, parts, 4, faiss.METRIC_INNER_PRODUCT)
        index.train(sample)
        self._start(index)
        self.trained_for = count

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        """Add unit vectors (N, dims); ids ascend, also from one call to the next."""
        self._index.add(vectors)
        self._ids = np.concatenate([self._ids, ids])
        self.last = int(ids[-1])

    def remove(self, ids: np.ndarray) -> None:
        """Remove vectors; ids that are not there do not matter."""
        at = np.searchsorted(self._ids, ids)
        there = at < len(self._ids)
        there[there] = self._ids[at[there]] == ids[there]
        self._gone = np.union1d(self._gone, ids[there])
        if len(self._gone) > max(_REMOVE_FROM, len(self._ids) // 100):
            at = np.searchsorted(self._ids, self._gone)
            self._index.remove_ids(at)
            self._ids = np.delete(self._ids, at)
            self._gone = np.empty(0, np.int64)

    def nearest(self, vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Cosines and ids of the most similar vectors, best first, each (N, count); id -1 where
        there are fewer. What is removed takes a place: ask for more, up to :attr:`positions`.
        """
        if not self.trained_for:
            scores, at = self._index.search(vectors, min(count, self.positions))
            return scores, self._present(at)
        scores = np.full((len(vectors), count), -np.inf, np.float32)
        ids = np.full((len(vectors), count), -1, np.int64)
        _, found = self._index.search(vectors, min(max(count, self.candidates), self.positions))
        for k, row in enumerate(self._present(found)):
            row, stored = self._stored(np.sort(row[row >= 0]))
            exact = stored @ vectors[k]
            best = np.argsort(-exact, kind='stable')[:count]
            scores[k, :len(best)], ids[k, :len(best)] = exact[best], row[best]
        return scores, ids

    @property
    def positions(self) -> int:
        """Vectors in the index, those that are removed but take a place included."""
        return len(self._ids)

    def _present(self, at: np.ndarray) -> np.ndarray:
        """Ids of positions; -1 for none (-1) and for what is removed."""
        ids = np.where(at >= 0, self._ids[at], -1)
        return np.where(np.isin(ids, self._gone), -1, ids) if len(self._gone) else ids
