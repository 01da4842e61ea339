"""A benchmark: images, each once, and apart from them the protocol."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.datasets.sources.base import FaceSource

__all__ = ['Benchmark', 'FileFaces', 'GalleryBenchmark', 'PairBenchmark', 'TemplateBenchmark',
           'need']


def need(name: str, *paths: str, what: str = '') -> None:
    """Raise FileNotFoundError, saying what to put where, unless all ``paths`` are there."""
    for path in paths:
        if not os.path.exists(path):
            raise FileNotFoundError(f'benchmark {name}: {path} is missing'
                                    + (f'; {what}' if what else ''))


class FileFaces(FaceSource):
    """Image files by their paths; every label is 0, since the protocol carries the truth."""

    num_classes = 1

    def __init__(self, root: str, paths: list[str]):
        self.root = str(root)
        self._paths = np.array([path.encode() for path in paths])

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> tuple[bytes, int]:
        return Path(self.root, self.name(index)).read_bytes(), 0

    def labels(self) -> np.ndarray:
        return np.zeros(len(self), np.int64)

    def name(self, index: int) -> str:
        return self._paths[index].decode()

    def __repr__(self) -> str:
        return f'FileFaces({self.root!r}: {len(self)} images)'


class Benchmark(FaceDataset):
    """Faces with a name and a protocol.

    Args:
        name: Short name; the first part of its metrics' names.
        source: The images.
        alignment: How the faces were aligned, for the report.
        protocol_note: What was chosen or drawn, for the report.
        pipeline: Transforms.
        decoder: See FaceDataset.
    """

    def __init__(self, name: str, source, alignment: str = 'not stated', protocol_note: str = '',
                 pipeline=(), decoder: str = 'auto'):
        super().__init__(source, pipeline, decoder)
        self.name, self.alignment, self.protocol_note = name, alignment, protocol_note
        self.metainfo['benchmark'] = self  # mmengine's Evaluator hands it to the metrics


class PairBenchmark(Benchmark):
    """Faces and pairs of them.

    Args:
        name, source, **kwargs: See Benchmark.
        pairs: Positions of both images of each pair, int (P, 2).
        is_same: Whether they show one person, bool (P,).
    """

    def __init__(self, name: str, source, pairs: np.ndarray, is_same: np.ndarray, **kwargs):
        super().__init__(name, source, **kwargs)
        self.pairs, self.is_same = np.asarray(pairs), np.asarray(is_same, bool)
        if len(self.pairs) == 0:
            raise ValueError(f'benchmark {name} has no pairs')


class GalleryBenchmark(Benchmark):
    """Faces of which some are a gallery and others probes.

    Args:
        name, source, **kwargs: See Benchmark.
        labels: Identity of each image, int (N,); -1 for nobody's (a distractor, an unknown).
        gallery: Positions of the gallery's images, int (G,).
        probes: Name of each set of probes to its positions; '' for an only one.
    """

    def __init__(self, name: str, source, labels: np.ndarray, gallery: np.ndarray,
                 probes: dict[str, np.ndarray], **kwargs):
        super().__init__(name, source, **kwargs)
        self.identities, self.gallery = np.asarray(labels, np.int64), np.asarray(gallery)
        self.probes = {key: np.asarray(value) for key, value in probes.items()}
        if len(self.gallery) == 0 or not all(len(p) for p in self.probes.values()):
            raise ValueError(f'benchmark {name} has an empty gallery or no probes')


class TemplateBenchmark(Benchmark):
    """Faces grouped into templates of media.

    Args:
        name, source, **kwargs: See Benchmark.
        template_ids, media_ids: Of each image, int (N,).
        pairs: Template numbers of each pair, int (P, 2).
        is_same: bool (P,).
        galleries: Name to (template numbers, subjects) of each 1:N gallery.
        probes: (template numbers, subjects) of the 1:N probes, or None.
        detector_scores: Of each image, (N,), or None.
    """

    def __init__(self, name: str, source, template_ids: np.ndarray, media_ids: np.ndarray,
                 pairs: np.ndarray, is_same: np.ndarray, galleries: dict | None = None,
                 probes: tuple | None = None, detector_scores: np.ndarray | None = None, **kwargs):
        super().__init__(name, source, **kwargs)
        self.template_ids, self.media_ids = np.asarray(template_ids), np.asarray(media_ids)
        self.pairs, self.is_same = np.asarray(pairs), np.asarray(is_same, bool)
        self.galleries, self.probes = galleries or {}, probes
        self.detector_scores = detector_scores
