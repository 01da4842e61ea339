"""Faces in a folder of people."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.registry import SOURCES

__all__ = ['FolderFaces']

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


@SOURCES.register_module()
class FolderFaces(FaceSource):
    """One folder a person, its images inside: ``root/NAME/*.jpg``.

    People are labelled in the sorted order of their names, images sorted by name within a person.
    Empty folders and files beside the folders do not count.

    Args:
        root: The folder of people.
        identities: Keep only these names; None for all. An item may be ``'first..last'``, all names
            from first to last in sorted order.

    Raises:
        FileNotFoundError: If ``root`` is not a folder.
        ValueError: If it holds no person with an image, or a listed one is not there.
    """

    def __init__(self, root: str, identities: list[str] | None = None):
        self.root = str(root)
        if not os.path.isdir(self.root):
            raise FileNotFoundError(f'{self.root} is not a folder; one folder a person, with the '
                                    'images inside, is expected there')
        names = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if identities is not None:
            names = _select(names, identities, self.root)
        self.people, paths, labels = [], [], []
        for name in names:
            images = sorted(entry.name for entry in os.scandir(os.path.join(self.root, name))
                            if entry.name.lower().endswith(_SUFFIXES))
            if images:
                paths += [f'{name}/{image}' for image in images]
                labels += [len(self.people)] * len(images)
                self.people.append(name)
        if not paths:
            raise ValueError(f'{self.root} holds no folder with images '
                             f'({", ".join(_SUFFIXES)}); one folder a person is expected')
        self.num_classes = len(self.people)
        # One array of bytes instead of millions of strings: cheap to share after a fork.
        self._paths = np.array([path.encode() for path in paths])
        self._labels = np.array(labels, np.int64)

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int) -> tuple[bytes, int]:
        return Path(self.root, self.name(index)).read_bytes(), int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.copy()

    def name(self, index: int) -> str:
        return self._paths[index].decode()

    def __repr__(self) -> str:
        return f'FolderFaces({self.root!r}: {len(self)} images of {self.num_classes} people)'


def _select(names: list[str], wanted: list[str], root: str) -> list[str]:
    chosen = set()
    for item in wanted:
        first, dots, last = item.partition('..')
        found = [n for n in names if first <= n <= last] if dots else [n for n in names
                                                                       if n == item]
        if not found:
            raise ValueError(f'{root} has no person {item!r}')
        chosen.update(found)
    return sorted(chosen)
