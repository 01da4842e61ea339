"""A directory of faces of which nobody knows whose they are."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from lrfr_mm.datasets.image_files import find_images
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.registry import SOURCES

__all__ = ['UnlabelledFaces']


@SOURCES.register_module()
class UnlabelledFaces(FaceSource):
    """All images below a directory, at any depth, each with the label 0.

    It is for training without a head (distillation). Sub-directories have no meaning.

    Args:
        root: The directory, of aligned faces.

    Raises:
        InputMissingError: If ``root`` is no directory.
        InputError: If it holds no image.
    """

    num_classes = 1

    def __init__(self, root: str):
        self.root = str(root)
        self._paths = np.array([path.encode() for path in find_images(self.root)])

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> tuple[bytes, int]:
        return Path(self.root, self.name(index)).read_bytes(), 0

    def labels(self) -> np.ndarray:
        return np.zeros(len(self), np.int64)

    def name(self, index: int) -> str:
        return self._paths[index].decode()

    def __repr__(self) -> str:
        return f'UnlabelledFaces({self.root!r}: {len(self)} images)'
