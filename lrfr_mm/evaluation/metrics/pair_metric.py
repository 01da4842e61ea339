"""The base of metrics on a benchmark's pairs."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.fusion import pair_scores
from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, ImageVariant

__all__ = ['PairMetric']


class PairMetric(EmbeddingMetric):
    """Scores of a benchmark's pairs, both images at one resolution.

    Args:
        benchmark: Name of a benchmark with pairs.
        flip_test: 'none', 'concat' or 'sum'; see ``fuse_flip``.
        resolution: Degrade both images of a pair to this side first, px; None: as they are.
    """

    def __init__(self, benchmark: str, flip_test: str = 'concat', resolution: int | None = None):
        super().__init__(benchmark, flip_test)
        self.resolution = resolution

    def resolutions(self) -> list[int | None]:
        return [self.resolution]

    def value_prefix(self, benchmark) -> str:
        """First part of the values' names: 'lfw', or 'lfw@7' for degraded images."""
        return benchmark.name if self.resolution is None else f'{benchmark.name}@{self.resolution}'

    def pair_scores(self, embeddings, benchmark) -> np.ndarray:
        """Cosine similarities of the pairs, float64 (P,)."""
        vectors = self.fused(embeddings, self.resolution)
        return pair_scores(vectors, vectors, benchmark.pairs)

    def pair_lengths(self, embeddings, benchmark) -> np.ndarray:
        """L2 norms of both images' embeddings before normalisation, (2, P): a quality, in networks
        trained so (MagFace, AdaFace).
        """
        lengths = np.linalg.norm(embeddings[ImageVariant(self.resolution)], axis=1)
        return lengths[benchmark.pairs].T
