"""Sources made of other sources: several side by side, or a part of one."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.registry import SOURCES

__all__ = ['ConcatFaces', 'SubsetFaces']


def _build(source) -> FaceSource:
    source = SOURCES.build(source) if isinstance(source, dict) else source
    if getattr(source, 'streaming', False):
        raise InputError(f'{source} is a stream and cannot be combined with others or cut: convert '
                         'it to LMDB or RecordIO')
    return source


@SOURCES.register_module()
class ConcatFaces(FaceSource):
    """Several sets as one; their people are different people, so labels follow on from set to set.

    Args:
        sources: Configs or sources.
        weights: How often an epoch visits each image of each set: 1 once, 2 twice, 0.5 a half of
            them, another half every epoch. Default 1 for all.

    Raises:
        InputError: For no source, or weights that do not fit.
    """

    def __init__(self, sources: Sequence, weights: Sequence[float] | None = None):
        self.sources = [_build(source) for source in sources]
        if not self.sources:
            raise InputError('ConcatFaces needs at least one source')
        weights = [1.] * len(self.sources) if weights is None else [float(w) for w in weights]
        if len(weights) != len(self.sources) or min(weights) < 0 or max(weights) == 0:
            raise InputError(f'weights must be {len(self.sources)} numbers, none negative and one '
                             f'above 0, got {weights}')
        self.weights = weights
        self._starts = np.cumsum([0, *(len(source) for source in self.sources)])
        self._first_labels = np.cumsum([0, *(source.num_classes for source in self.sources)])
        self.num_classes = int(self._first_labels[-1])
        self.people = _all_names(self.sources)
        if all(hasattr(source, 'landmarks') for source in self.sources):
            self.landmarks = self._landmarks

    def _landmarks(self, index: int) -> np.ndarray:
        """Five points of image ``index``, px, (5, 2), where all sources know them."""
        k, position = self._locate(index)
        return self.sources[k].landmarks(position)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _locate(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f'image {index} of {len(self)}')
        k = int(np.searchsorted(self._starts, index, side='right')) - 1
        return k, index - int(self._starts[k])

    def read(self, index: int) -> tuple[bytes | np.ndarray, int]:
        k, position = self._locate(index)
        data, label = self.sources[k].read(position)
        return data, label + int(self._first_labels[k])

    def labels(self) -> np.ndarray:
        return np.concatenate([source.labels() + first for source, first in
                               zip(self.sources, self._first_labels[:-1], strict=True)])

    def name(self, index: int) -> str:
        k, position = self._locate(index)
        return f'set {k}: {self.sources[k].name(position)}'

    def epoch_indices(self, rng: np.random.Generator) -> np.ndarray | None:
        """Each set's own visits, as often as its weight says."""
        own = [source.epoch_indices(rng) for source in self.sources]
        if all(weight == 1 for weight in self.weights) and all(one is None for one in own):
            return None
        parts = []
        for weight, start, source, visits in zip(self.weights, self._starts, self.sources, own,
                                                 strict=False):
            if visits is None:
                visits = np.arange(len(source))
            whole, rest = divmod(round(weight * len(visits)), len(visits))
            parts += [np.tile(visits, whole) + start,
                      np.sort(rng.permutation(visits)[:rest]) + start]
        return np.concatenate(parts)

    def __repr__(self) -> str:
        return f'ConcatFaces({", ".join(map(repr, self.sources))})'


@SOURCES.register_module()
class SubsetFaces(FaceSource):
    """A part of another source, its remaining people labelled anew from 0 in their old order.

    The limits apply in the order in which they are listed here.

    Args:
        source: Config or source.
        identities: Keep these labels: a list, or the path of a text file with one a line.
        samples: Keep these positions: a list, or such a file.
        fraction: Keep this share of the people (rounded, at least one), drawn with ``seed``.
        min_images: Then keep people with at least so many images.
        max_images: Then keep so many images of each at most, the first ones.
        seed: Of the draw.

    Raises:
        InputError: If a listed label or position is not there, or nothing is left.
        InputMissingError: If a list file is missing.
    """

    def __init__(self, source, identities=None, samples=None, fraction: float | None = None,
                 min_images: int = 1, max_images: int | None = None, seed: int = 0):
        self.source = _build(source)
        labels = self.source.labels()
        keep = np.ones(len(labels), bool)
        if identities is not None:
            wanted = _numbers(identities)
            missing = np.setdiff1d(wanted, labels)
            if len(missing):
                raise InputError(f'{self.source} has no images of label {missing[0]}')
            keep &= np.isin(labels, wanted)
        if samples is not None:
            wanted = _numbers(samples)
            outside = wanted[(wanted < 0) | (wanted >= len(labels))]
            if len(outside):
                raise InputError(f'{self.source} has no image {outside[0]}')
            keep &= np.isin(np.arange(len(labels)), wanted)
        if fraction is not None:
            if not 0 < fraction <= 1:
                raise InputError(f'fraction must be above 0 and at most 1, got {fraction}')
            people = np.unique(labels[keep])
            count = max(1, round(fraction * len(people)))
            keep &= np.isin(labels, np.random.default_rng(seed).permutation(people)[:count])
        if min_images > 1:
            people, counts = np.unique(labels[keep], return_counts=True)
            keep &= np.isin(labels, people[counts >= min_images])
        self._positions = np.flatnonzero(keep)
        if max_images is not None:
            order = np.argsort(labels[self._positions], kind='stable')
            ordered = labels[self._positions][order]
            rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
            self._positions = np.sort(self._positions[order[rank < max_images]])
        if len(self._positions) == 0:
            raise InputError(f'nothing of {self.source} is left: no image fits all limits')
        self._old_labels, self._labels = np.unique(labels[self._positions], return_inverse=True)
        self.num_classes = len(self._old_labels)
        if self.source.people:
            self.people = [self.source.people[label] for label in self._old_labels.tolist()]
        if hasattr(self.source, 'landmarks'):
            self.landmarks = self._landmarks

    def _landmarks(self, index: int) -> np.ndarray:
        """Five points of image ``index``, px, (5, 2), where the source knows them."""
        return self.source.landmarks(int(self._positions[index]))

    def epoch_indices(self, rng: np.random.Generator) -> np.ndarray | None:
        """The source's own visits that fall into this part."""
        visits = self.source.epoch_indices(rng)
        if visits is None:
            return None
        place = np.full(len(self.source), -1, np.int64)
        place[self._positions] = np.arange(len(self))
        return place[visits][place[visits] >= 0]

    def __len__(self) -> int:
        return len(self._positions)

    def read(self, index: int) -> tuple[bytes | np.ndarray, int]:
        return self.source.read(int(self._positions[index]))[0], int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.astype(np.int64)

    def name(self, index: int) -> str:
        return self.source.name(int(self._positions[index]))

    def __repr__(self) -> str:
        return f'SubsetFaces({len(self)} images of {self.num_classes} people of {self.source})'


def _all_names(sources: list[FaceSource]) -> list[str] | None:
    """Names of all sources' people, one after the other; None if a source has none.

    People of different sources are different people: a name that occurs in several gets the number
    of its source.
    """
    if not all(source.people for source in sources):
        return None
    counts = Counter(name for source in sources for name in source.people)
    return [name if counts[name] == 1 else f'{name} (set {k})'
            for k, source in enumerate(sources) for name in source.people]


def _numbers(listed) -> np.ndarray:
    if isinstance(listed, (str, Path)):
        if not Path(listed).is_file():
            raise InputMissingError(f'{listed} does not exist; one number a line is expected there')
        try:
            listed = [int(line) for line in Path(listed).read_text(encoding='utf-8-sig').split()]
        except ValueError as error:
            raise InputError(f'{listed}: {error}') from None
    return np.unique(np.asarray(listed, np.int64))
