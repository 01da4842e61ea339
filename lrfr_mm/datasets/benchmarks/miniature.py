"""Miniatures of benchmarks in their true layouts: to try a pipeline, or test one, without the sets.

File names, lists, MATLAB and pickle files are as in the real sets, with the aligned images in
``aligned/`` as docs/datasets.md lays them out; the faces are drawn, or come from any source of
people. Each benchmark's module registers the function that writes its miniature.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.benchmarks.sampled_pairs import sample_pairs
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, InputExistsError
from lrfr_mm.ops.align import centre_crop

__all__ = ['MINIATURES', 'People', 'draw_pairs', 'jpeg_bytes', 'miniature', 'save_face',
           'write_mat', 'write_miniatures']

MINIATURES: dict[str, Callable[[Path, People], None]] = {}


def miniature(name: str):
    """Register the decorated function ``(directory, people)`` as the writer of ``name``."""
    def register(writer: Callable[[Path, People], None]):
        MINIATURES[name] = writer
        return writer
    return register


class People:
    """A source's images by person.

    Args:
        source: At least six people with two images or more; others do not count.
        seed: Of ``rng``, which the writers draw from.

    Raises:
        InputError: For fewer people.
    """

    def __init__(self, source: FaceSource, seed: int):
        self.source, self.rng = source, np.random.default_rng(seed)
        labels = source.labels()
        order = np.argsort(labels, kind='stable')
        _, starts = np.unique(labels[order], return_index=True)
        self.images = [group for group in np.split(order, starts[1:]) if len(group) > 1]
        if len(self.images) < 6:
            raise InputError(f'{source}: at least six people with two images are needed, there are '
                             f'{len(self.images)}')

    def __len__(self) -> int:
        return len(self.images)

    def face(self, person: int, k: int) -> np.ndarray:
        """Image ``k`` (round and round) of ``person``, uint8 RGB (112, 112, 3)."""
        group = self.images[person]
        data = self.source.read(int(group[k % len(group)]))[0]
        image = data if isinstance(data, np.ndarray) else decode(data, 'pillow')
        return centre_crop(image, 112)


def save_face(path: Path, image: np.ndarray) -> None:
    """Write uint8 RGB ``image`` as a JPEG of quality 95; missing directories are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg_bytes(image))


def jpeg_bytes(image: np.ndarray) -> bytes:
    """uint8 RGB ``image`` as a JPEG of quality 95."""
    return cv2.imencode('.jpg', np.ascontiguousarray(image[..., ::-1]),
                        [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def draw_pairs(people: People, count: int, seed: int, images: int = 4):
    """``count`` pairs of (person, image), and whether they are one person: half of each, in turn.
    """
    labels = np.repeat(np.arange(len(people)), images)
    pairs, is_same = sample_pairs(labels, count, seed)
    return [[divmod(int(i), images) for i in pair] for pair in pairs], is_same


def write_mat(path: Path, **variables) -> None:
    """A MATLAB file as the QMUL sets have them: columns ``*_ids`` of numbers, cells of names."""
    from scipy.io import savemat
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = {}
    for key, value in variables.items():
        if key.endswith('_ids'):
            cells[key] = np.array(value, np.uint16)[:, None]
        else:  # MATLAB's cell array of strings
            rows = value if isinstance(value[0], list) else [[item] for item in value]
            cell = np.empty((len(rows), len(rows[0])), object)
            cell[:] = rows
            cells[key] = cell
    savemat(path, cells)


def write_miniatures(root: str, source: FaceSource, names=None, seed: int = 0) -> list[Path]:
    """Write miniatures into ``root/NAME``.

    Args:
        root: Directory.
        source: People: at least six with two images or more; each is resized to 112x112.
        names: Which of ``MINIATURES``; None for all.
        seed: Of the draws.

    Returns:
        The directories written.

    Raises:
        InputError: For an unknown name, or too few people.
        InputExistsError: If a directory exists already.
    """
    names = list(MINIATURES) if names is None else list(names)
    for name in names:
        if name not in MINIATURES:
            raise InputError(f'there is no miniature {name!r}, but {", ".join(MINIATURES)}')
    directories = [Path(root, name) for name in names]
    for directory in directories:
        if directory.exists():
            raise InputExistsError(f'{directory} exists already: nothing is overwritten')
    for name, directory in zip(names, directories, strict=True):
        MINIATURES[name](directory, People(source, seed))
    return directories
