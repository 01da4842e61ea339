"""A benchmark: images, each once, and apart from them the protocol's pairs."""
from __future__ import annotations

import numpy as np

from lrfr_mm.datasets.face_dataset import FaceDataset

__all__ = ['PairBenchmark']


class PairBenchmark(FaceDataset):
    """Faces and pairs of them.

    Args:
        name: Short name; the first part of its metrics' names.
        source: The images.
        pairs: Positions of both images of each pair, int (P, 2).
        is_same: Whether they show one person, bool (P,).
        alignment: How the faces were aligned, for the report.
        pipeline: Transforms.
        decoder: See FaceDataset.
    """

    def __init__(self, name: str, source, pairs: np.ndarray, is_same: np.ndarray,
                 alignment: str = 'not stated', pipeline=(), decoder: str = 'auto'):
        super().__init__(source, pipeline, decoder)
        self.name, self.alignment = name, alignment
        self.pairs, self.is_same = np.asarray(pairs), np.asarray(is_same, bool)
        if len(self.pairs) == 0:
            raise ValueError(f'benchmark {name} has no pairs')
