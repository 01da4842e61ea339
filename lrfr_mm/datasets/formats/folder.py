"""Faces in a folder of people."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.formats.base import FaceFormat
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES, is_image_name
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import safe_components, whole_file
from lrfr_mm.registry import FORMATS, SOURCES

__all__ = ['FolderFaces', 'FolderFormat']


@SOURCES.register_module()
class FolderFaces(FaceSource):
    """One folder a person, its images inside: ``root/NAME/*.jpg``.

    People are labelled in the sorted order of their names, images sorted by name within a person.
    Empty folders, files beside the folders, and folders and files whose name begins with a dot do
    not count. Image files end in .jpg, .jpeg, .png, .bmp, .webp, .tif or .tiff in either case.

    Args:
        root: The folder of people.
        identities: Keep only these names; None for all. An item may be ``'first..last'``, all names
            from first to last in sorted order.

    Raises:
        InputMissingError: If ``root`` is not a folder.
        InputError: If it holds no person with an image, a listed person is not there, or a name is
            not UTF-8, or what is named as an image is no regular file.
    """

    def __init__(self, root: str, identities: list[str] | None = None):
        self.root = str(root)
        if not os.path.isdir(self.root):
            raise InputMissingError(f'{self.root} is not a folder; one folder a person, with the '
                                    'images inside, is expected there')
        names = sorted(entry.name for entry in os.scandir(self.root)
                       if not entry.name.startswith('.') and _is_dir(entry))
        if identities is not None:
            names = _select(names, identities, self.root)
        self.people, paths, labels = [], [], []
        for name in names:
            images = sorted(_images(os.path.join(self.root, name)))
            if images:
                paths += [_encode(name, image, self.root) for image in images]
                labels += [len(self.people)] * len(images)
                self.people.append(name)
        if not paths:
            raise InputError(f'{self.root} holds no folder with images '
                             f'({", ".join(IMAGE_SUFFIXES)}); one folder a person is expected')
        self.num_classes = len(self.people)
        # One array of bytes instead of millions of strings: cheap to share after a fork.
        self._paths = np.array(paths)
        self._labels = np.array(labels, np.int64)

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int) -> tuple[bytes, int]:
        with open(f'{self.root}/{self._paths[index].decode()}', 'rb') as file:
            return file.read(), int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.copy()

    def name(self, index: int) -> str:
        return self._paths[index].decode()

    def __repr__(self) -> str:
        return f'FolderFaces({self.root!r}: {len(self)} images of {self.num_classes} people)'


def _is_dir(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link to itself
        return False


def _images(folder: str) -> Iterator[str]:
    """Names of the image files in ``folder``."""
    for entry in os.scandir(folder):
        if is_image_name(entry.name):
            if not entry.is_file():  # reading a FIFO would wait for ever
                raise InputError(f'{os.fsencode(entry.path).decode(errors="replace")} is named as '
                                 'an image but is no regular file (a broken link, a FIFO, a '
                                 'directory)')
            yield entry.name


def _encode(person: str, image: str, root: str) -> bytes:
    try:
        return f'{person}/{image}'.encode()
    except UnicodeEncodeError:
        raise InputError(f'{root}: the name {os.fsencode(f"{person}/{image}")!r} is not UTF-8; '
                         'rename it') from None


def _select(names: list[str], wanted: list[str], root: str) -> list[str]:
    chosen = set()
    for item in wanted:
        first, dots, last = item.partition('..')
        found = [n for n in names if first <= n <= last] if dots else [n for n in names
                                                                       if n == item]
        if not found:
            raise InputError(f'{root} has no person {item!r}')
        chosen.update(found)
    return sorted(chosen)


@FORMATS.register_module('folder')
class FolderFormat(FaceFormat):
    """``NAME/000000012.jpg``; people without names are called by their label."""

    reader = FolderFaces
    files = 'one folder a person'
    generic = True

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.is_dir()

    @classmethod
    def check(cls, source: FaceSource) -> None:
        if source.people:
            safe_components(source.people, f'people of {source}')

    def write_chunk(self, start: int, stop: int, path: Path) -> None:
        people = self.source.people
        digits = max(6, len(str(self.source.num_classes - 1)))
        for i, image, label, suffix in self.items(start, stop):
            person = people[label] if people else f'{label:0{digits}d}'
            with whole_file(self.folder / person / f'{i:09d}.{suffix}') as part:
                part.write_bytes(image)
        path.touch()  # marks the chunk as done

    def finish(self, chunks: list[Path], counts: list[int]) -> None:
        """All images have their places already."""
