"""Drawn faces: the source that needs no download."""
from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.convert import convert
from lrfr_mm.datasets.formats.record_io import RecordIOFaces
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import ConfigError
from lrfr_mm.files import locked
from lrfr_mm.ops.facegen import render_face, sample_capture, sample_identity
from lrfr_mm.registry import SOURCES

__all__ = ['SyntheticFaces']

# Raise it with every change that changes a picture: caches of another one are not used.
_DRAWING = 1
_CHUNK = 500


@lru_cache(maxsize=64)
def _person(seed: int, identity: int):
    return sample_identity(np.random.default_rng([seed, identity]))


@SOURCES.register_module()
class SyntheticFaces(FaceSource):
    """Procedurally drawn, eye-aligned 112x112 JPEGs, a function of (seed, identity, image) alone.

    Identity is in head, jaw and nose shape, eyes, brows, mouth, skin tone and marks, hair, ears;
    pose, expression, light, colour, background, accessories, focus, noise and JPEG quality change
    from picture to picture. Pictures are equal on one software version; another OpenCV may round
    an edge differently.

    Args:
        num_identities: Number of people.
        images_per_identity: Pictures of each.
        seed: Of the whole population.
        first_identity: Number of the first person: sets with the same seed and disjoint ranges
            have no person in common.
        cache: Folder in which the set is rendered once, on all cores, as RecordIO, and read from
            then on; None renders every picture when it is asked for.
    """

    def __init__(self, num_identities: int, images_per_identity: int, seed: int = 0,
                 first_identity: int = 0, cache: str | None = None):
        if num_identities < 1 or images_per_identity < 1:
            raise ConfigError('num_identities and images_per_identity must be at least 1, got '
                             f'{num_identities} and {images_per_identity}')
        if seed < 0 or first_identity < 0:
            raise ConfigError('seed and first_identity must not be negative, got '
                             f'{seed} and {first_identity}')
        self.num_classes, self.images_per_identity = num_identities, images_per_identity
        self.seed, self.first_identity = seed, first_identity
        self._stored = None
        if cache is not None:
            folder = Path(cache, f'drawing{_DRAWING}-seed{seed}-from{first_identity}-'
                                 f'{num_identities}x{images_per_identity}')
            if not (folder / 'train.idx').is_file():
                self._draw_all(folder)
            self._stored = RecordIOFaces(str(folder))

    def _draw_all(self, folder: Path) -> None:
        """Write the set to ``folder``; of several processes one draws, and the others wait."""
        with locked(folder, patience=-1):
            if not (folder / 'train.idx').is_file():
                convert(self, 'recordio', str(folder), os.cpu_count() or 1, _CHUNK, progress=False)

    def __len__(self) -> int:
        return self.num_classes * self.images_per_identity

    def read(self, index: int) -> tuple[bytes, int]:
        if self._stored is not None:
            return self._stored.read(index)
        pixels, _, quality, label = self._render(index)
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return cv2.imencode('.jpg', pixels[..., ::-1], settings)[1].tobytes(), label

    def landmarks(self, index: int) -> np.ndarray:
        """Five points (5, 2), x and y in px: eyes, nose tip, mouth corners of image ``index``."""
        return self._render(index)[1]

    def _render(self, index: int):
        if not 0 <= index < len(self):
            raise IndexError(f'image {index} of {len(self)}')
        label, image = divmod(int(index), self.images_per_identity)
        identity = self.first_identity + label
        who = _person(self.seed, identity)
        rng = np.random.default_rng([self.seed, identity, image + 1])
        shot = sample_capture(rng, who)
        pixels, points = render_face(who, shot, rng)
        return pixels, points, shot.jpeg_quality, label

    def labels(self) -> np.ndarray:
        return np.repeat(np.arange(self.num_classes), self.images_per_identity)

    def name(self, index: int) -> str:
        label, image = divmod(index, self.images_per_identity)
        return f'person {self.first_identity + label}, picture {image}'

    def __repr__(self) -> str:
        last = self.first_identity + self.num_classes - 1
        return (f'SyntheticFaces(people {self.first_identity} to {last}, '
                f'{self.images_per_identity} images each, seed {self.seed})')
