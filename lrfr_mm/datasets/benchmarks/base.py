"""A benchmark: images, each once, and apart from them the protocol."""
from __future__ import annotations

import inspect
import os
from functools import wraps

import numpy as np

from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.datasets.image_files import read_image_file
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import IncompleteInputError, InputError, InputMissingError
from lrfr_mm.evaluation.functional.identification import DISTRACTOR, UNKNOWN

__all__ = ['Benchmark', 'FileFaces', 'GalleryBenchmark', 'PairBenchmark', 'TemplateBenchmark',
           'require_files']


def require_files(*paths: str | os.PathLike, what: str = '') -> None:
    """Raise InputMissingError unless all ``paths`` exist; ``what`` says what belongs there."""
    for path in paths:
        if not os.path.exists(path):
            raise InputMissingError(f'{path} is missing' + (f'; {what}' if what else ''))


class FileFaces(FaceSource):
    """Image files by their paths; every label is 0, because the protocol holds the identities.

    Args:
        root: Directory.
        paths: Of the images, below ``root``.
    """

    num_classes = 1

    def __init__(self, root: str, paths: list[str]):
        self.root = str(root)
        self._paths = np.array([os.fsencode(path) for path in paths])

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> tuple[bytes, int]:
        return read_image_file(os.path.join(self.root, self.name(index))), 0

    def labels(self) -> np.ndarray:
        return np.zeros(len(self), np.int64)

    def name(self, index: int) -> str:
        return os.fsdecode(bytes(self._paths[index]))

    def __repr__(self) -> str:
        return f'FileFaces({self.root!r}: {len(self)} images)'


def _naming_the_benchmark(init):
    """``init`` whose errors of the user's input begin with the name of the benchmark.

    A missing file is an IncompleteInputError if ``root``, the directory of the set, holds anything.
    """
    signature = inspect.signature(init)

    @wraps(init)
    def wrapped(self, *args, **kwargs):
        name = kwargs.get('name', args[0] if args else '')
        try:
            init(self, *args, **kwargs)
        except (InputError, InputMissingError) as error:
            if str(error).startswith(f'benchmark {name}: '):
                raise
            kind = type(error)
            if isinstance(error, InputMissingError):
                given = signature.bind_partial(self, *args, **kwargs).arguments
                if _holds_anything(given.get('root')):
                    kind = IncompleteInputError
            raise kind(f'benchmark {name}: {error}') from error
    return wrapped


def _holds_anything(directory) -> bool:
    return directory is not None and os.path.isdir(directory) and bool(os.listdir(directory))


class Benchmark(FaceDataset):
    """Faces with a name and a protocol.

    Errors of the user's input that the constructor of a subclass raises begin with the name. A
    missing file is an IncompleteInputError if the set's directory (``root``) is there; without the
    directory it is an InputMissingError, and the benchmark is skipped.

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

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if '__init__' in cls.__dict__:
            cls.__init__ = _naming_the_benchmark(cls.__init__)


class PairBenchmark(Benchmark):
    """Faces and pairs of them.

    Args:
        name, source, **kwargs: See Benchmark.
        pairs: Positions of both images of each pair, int (P, 2).
        is_same: Whether they show one person, bool (P,).

    Raises:
        InputError: Without pairs, for positions that are not there, or a pair of an image with
            itself; the text has the index of the pair.
    """

    def __init__(self, name: str, source, pairs: np.ndarray, is_same: np.ndarray, **kwargs):
        super().__init__(name, source, **kwargs)
        self.pairs, self.is_same = np.asarray(pairs), np.asarray(is_same, bool)
        if len(self.pairs) == 0:
            raise InputError('there are no pairs')
        if self.pairs.shape != (len(self.is_same), 2):
            raise InputError(f'pairs of shape {self.pairs.shape} for {len(self.is_same)} labels')
        if self.pairs.min() < 0 or self.pairs.max() >= len(self):
            raise InputError(f'pairs of images {self.pairs.min()} to {self.pairs.max()}, but there '
                             f'are {len(self)} images')
        itself = np.flatnonzero(self.pairs[:, 0] == self.pairs[:, 1])
        if len(itself):
            raise InputError(f'pair {itself[0]} compares image {self.pairs[itself[0], 0]} with '
                             'itself')


class GalleryBenchmark(Benchmark):
    """Faces of which some are a gallery and others probes.

    Args:
        name, source, **kwargs: See Benchmark.
        labels: Identity of each image, int (N,), from 0; DISTRACTOR (-1) for a gallery image of
            nobody among the probes, UNKNOWN (-2) for a probe of nobody in the gallery.
        gallery: Positions of the gallery's images, int (G,).
        probes: Name of each set of probes to its positions; '' for an only one.

    Raises:
        InputError: For an empty gallery or set of probes, a position that is not there, an image
            that is gallery and probe, or a label that does not fit its image's part; the text has
            the image's index.
    """

    def __init__(self, name: str, source, labels: np.ndarray, gallery: np.ndarray,
                 probes: dict[str, np.ndarray], **kwargs):
        super().__init__(name, source, **kwargs)
        self.identities = np.asarray(labels, np.int64)
        self.gallery = np.asarray(gallery, np.int64)
        self.probes = {key: np.asarray(value, np.int64) for key, value in probes.items()}
        if len(self.identities) != len(self):
            raise InputError(f'{len(self.identities)} labels for {len(self)} images')
        if len(self.gallery) == 0:
            raise InputError('the gallery is empty')
        if not self.probes or not all(len(p) for p in self.probes.values()):
            raise InputError('there are no probes')
        self._check_labels(self.gallery, DISTRACTOR, 'gallery image')
        for positions in self.probes.values():
            self._check_labels(positions, UNKNOWN, 'probe')
            both = np.intersect1d(positions, self.gallery)
            if len(both):
                raise InputError(f'image {both[0]} is a probe and in the gallery: it would be '
                                 'compared with itself')

    def _check_labels(self, positions: np.ndarray, nobody: int, what: str) -> None:
        outside = positions[(positions < 0) | (positions >= len(self))]
        if len(outside):
            raise InputError(f'{what} {outside[0]} is not there: there are {len(self)} images')
        labels = self.identities[positions]
        wrong = np.flatnonzero((labels < 0) & (labels != nobody))
        if len(wrong):
            raise InputError(f'{what} {positions[wrong[0]]} has the label {labels[wrong[0]]}; '
                             f'identities begin at 0, and nobody is {nobody} here')


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

    Raises:
        InputError: Without pairs, or for numbers that are not one an image.
    """

    def __init__(self, name: str, source, template_ids: np.ndarray, media_ids: np.ndarray,
                 pairs: np.ndarray, is_same: np.ndarray, galleries: dict | None = None,
                 probes: tuple | None = None, detector_scores: np.ndarray | None = None, **kwargs):
        super().__init__(name, source, **kwargs)
        self.template_ids, self.media_ids = np.asarray(template_ids), np.asarray(media_ids)
        self.pairs, self.is_same = np.asarray(pairs), np.asarray(is_same, bool)
        if len(self.pairs) == 0:
            raise InputError('there are no pairs')
        for what, values in (('template', self.template_ids), ('media', self.media_ids)):
            if len(values) != len(self):
                raise InputError(f'{len(values)} {what} numbers for {len(self)} images')
        self.galleries, self.probes = galleries or {}, probes
        self.detector_scores = detector_scores
