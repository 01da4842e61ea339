"""SCface, faces of surveillance cameras at three distances: who is tested, who trains."""
from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.image_files import read_image_file
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.datasets.text_lists import as_number, read_lines
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.registry import SOURCES

__all__ = ['SCfaceFaces', 'scface_images', 'scface_test_people']

_FRONTAL = re.compile(r'^(\d{3})_frontal\.(jpe?g|png|bmp)$', re.I)
_CAMERA = re.compile(r'^(\d{3})_cam([1-5])_([123])\.(jpe?g|png|bmp)$', re.I)
_WHAT = ("SCface's images, aligned to 112x112, are expected there in any directories, under their "
         'names NNN_frontal.* and NNN_camC_D.*')


def scface_images(root: str) -> tuple[list[str], np.ndarray]:
    """The images of SCface below ``root``.

    Returns:
        Paths below ``root``, and int64 (N, 3): person, camera (1 to 5) and distance (1 to 3) of
        each; camera and distance 0 for the mugshot.

    Raises:
        InputMissingError: If there are none.
        InputError: If a picture occurs twice.
    """
    if not os.path.isdir(root):
        raise InputMissingError(f'{root} is missing; {_WHAT}')
    files, facts = [], []
    for folder, _, entries in os.walk(root, followlinks=True):
        for entry in entries:
            frontal, camera = _FRONTAL.match(entry), _CAMERA.match(entry)
            if frontal or camera:
                files.append(os.path.relpath(os.path.join(folder, entry), root))
                facts.append((int(frontal[1]), 0, 0) if frontal
                             else tuple(int(camera[k]) for k in (1, 2, 3)))
    if not files:
        raise InputMissingError(f'{root} has no such file; {_WHAT}')
    order = sorted(range(len(files)), key=lambda k: (facts[k], files[k]))
    facts = np.array([facts[k] for k in order], np.int64)
    _, first = np.unique(facts, axis=0, return_index=True)
    if len(first) < len(facts):
        twice = next(k for k in range(1, len(facts)) if (facts[k] == facts[k - 1]).all())
        raise InputError(f'{root}: {files[order[twice - 1]]} and {files[order[twice]]} '
                         'are the same picture twice: keep one kind of crop in the folder')
    return [files[k] for k in order], facts


def scface_test_people(everybody: np.ndarray, people, seed: int,
                 share: float = 80 / 130) -> tuple[np.ndarray, str]:
    """Who is tested: the listed people, or 80 of 130 drawn with ``seed``.

    Args:
        everybody: Numbers of all people.
        people: Numbers of the test people, or a text file of them; None to draw.
        seed: Of the draw.
        share: Of the people that are drawn.

    Returns:
        Their numbers, sorted, and a note for the report.

    Raises:
        InputError: If a listed person is not there, or the file cannot be read.
    """
    if people is not None:
        if isinstance(people, (str, Path)):
            listed = []
            for number, line in read_lines(people):
                for word in line.split():
                    if as_number(word) is None:
                        raise InputError(f'{people}, line {number}: the number of a person '
                                         f'expected, got {word[:80]!r}')
                    listed.append(as_number(word))
            note = f'people of {os.path.basename(people)}'
            origin = people
        else:
            listed, note = [int(p) for p in people], 'listed people'
            origin = 'the list'
        if not listed:
            raise InputError(f'{origin} names no people')
        missing = np.setdiff1d(listed, everybody)
        if len(missing):
            raise InputError(f'person {missing[0]} has no images; {origin} names that person')
        return np.unique(listed), note
    count = round(share * len(everybody))
    chosen = np.random.default_rng(seed).permutation(everybody)[:count]
    return np.sort(chosen), f'{count} of {len(everybody)} people drawn with seed {seed}'


@SOURCES.register_module()
class SCfaceFaces(FaceSource):
    """The people that SCface's test leaves out, to fine-tune on: mugshot and all five cameras.

    Args:
        root, people, seed: As of the SCface benchmark: the others of the same draw.

    Raises:
        InputMissingError: If there is no image.
        InputError: If the test takes everybody.
    """

    def __init__(self, root: str, people=None, seed: int = 0):
        files, facts = scface_images(root)
        everybody = np.unique(facts[:, 0])
        test, _ = scface_test_people(everybody, people, seed)
        keep = ~np.isin(facts[:, 0], test)
        if not keep.any():
            raise InputError(f'{root}: the test takes all people, none is left to fine-tune on')
        self.root = str(root)
        self._paths = np.array([os.fsencode(f) for f, k in zip(files, keep, strict=True) if k])
        numbers, self._labels = np.unique(facts[keep, 0], return_inverse=True)
        self.people = [f'{number:03d}' for number in numbers]
        self.num_classes = len(numbers)

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int) -> tuple[bytes, int]:
        path = os.path.join(self.root, self.name(index))
        return read_image_file(path), int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.astype(np.int64)

    def name(self, index: int) -> str:
        return os.fsdecode(bytes(self._paths[index]))

    def __repr__(self) -> str:
        return f'SCfaceFaces({self.root!r}: {len(self)} images of {self.num_classes} people)'
