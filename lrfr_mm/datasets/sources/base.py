"""What a source of faces is."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrfr_mm.errors import InputError
from lrfr_mm.files import safe_component

__all__ = ['FaceSource', 'LabelCounts', 'check_people', 'check_source_labels',
           'count_labels', 'read_people']


class FaceSource:
    """Random access to encoded faces and their labels.

    Subclasses are cheap to pickle (no open file, no large array travels), and may be read from
    many workers, forked or spawned.

    Attributes:
        num_classes: Number of identities; labels run from 0 to num_classes - 1.
        people: Name of each label, where the set has names.
        streaming: Read as a stream, in an order of its own (ShardFaces), not at random.
    """

    num_classes: int
    people: list[str] | None = None
    streaming = False

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, index: int) -> tuple[bytes | np.ndarray, int]:
        """Image ``index``, from 0 to len - 1.

        Returns:
            The encoded image (JPEG, PNG, BMP, WebP or TIFF) as bytes, or uint8 RGB (H, W, 3); and
            its label.

        Raises:
            IndexError: If there is no such image.
            InputError: If the file that holds it is damaged; the text names the file and the place.
            OSError: If the file cannot be read.
        """
        raise NotImplementedError

    def labels(self) -> np.ndarray:
        """Labels of all images, int64 (N,), without decoding any; errors as :meth:`read`."""
        return np.array([self.read(i)[1] for i in range(len(self))], np.int64)

    def epoch_indices(self, rng: np.random.Generator) -> np.ndarray | None:
        """Positions to visit in one epoch, int64 (M,), drawn from ``rng``; None for each position
        once."""
        return None

    def name(self, index: int) -> str:
        """Name of image ``index`` for messages and reports: its path in the set, where it has one.
        """
        return str(index)


@dataclass(frozen=True)
class LabelCounts:
    """How the labels of N images fit ``num_classes``.

    Attributes:
        outside: Number of images whose label is negative or not below ``num_classes``.
        first_outside: Position of the first of them, or None.
        lowest, highest: Of all labels.
        empty: Number of labels from 0 to ``num_classes`` - 1 without an image.
        num_classes: As given.
    """

    outside: int
    first_outside: int | None
    lowest: int
    highest: int
    empty: int
    num_classes: int

    def __str__(self) -> str:
        text = (f'labels from {self.lowest} to {self.highest}, where 0 to {self.num_classes - 1} '
                f'are expected; {self.outside} image(s) are outside')
        if self.first_outside is not None:
            text += f', the first is image {self.first_outside}'
        if (self.lowest, self.highest) == (1, self.num_classes):
            text += '; the labels seem to be counted from 1'
        return text


def count_labels(labels: np.ndarray, num_classes: int) -> LabelCounts:
    """Count the labels, int (N,) with N at least 1, that do not fit ``num_classes``."""
    labels = np.asarray(labels)
    outside = (labels < 0) | (labels >= num_classes)
    used = len(np.unique(labels[~outside]))
    return LabelCounts(int(outside.sum()), int(outside.argmax()) if outside.any() else None,
                       int(labels.min()), int(labels.max()), num_classes - used, num_classes)


def check_source_labels(source: FaceSource) -> LabelCounts:
    """Check that all labels of ``source`` lie from 0 to num_classes - 1.

    Raises:
        InputError: If one does not; the text has the counts of :func:`count_labels`.
    """
    counts = count_labels(source.labels(), source.num_classes)
    if counts.outside:
        raise InputError(f'{source}: {counts}')
    return counts


def read_people(root: str, num_classes: int) -> list[str] | None:
    """Names of the labels in ``root/people.txt``, one a line, as the converter writes it; None
    without that file.

    Raises:
        InputError: If it is not UTF-8, has another number of names than ``num_classes``, or a name
            that cannot be a directory's or is there twice; the text has the line.
    """
    path = Path(root, 'people.txt')
    if not path.is_file():
        return None
    try:
        lines = path.read_bytes().decode('utf-8-sig').split('\n')
    except UnicodeDecodeError as error:
        raise InputError(f'{path} is not UTF-8 text: {error}') from None
    names = [line.removesuffix('\r') for line in lines]
    if names[-1] == '':
        names.pop()
    return check_people(names, num_classes, str(path))


def check_people(names, num_classes: int, where: str) -> list[str]:
    """``names`` if they are names of ``num_classes`` people; ``where`` names the file in errors.

    Raises:
        InputError: If there is another number of them, or one is not text, cannot be a directory's
            name, or is there twice.
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f'{where}: the names of the people must be a list of texts')
    if len(names) != num_classes:
        raise InputError(f'{where} has {len(names)} names for {num_classes} people')
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        safe_component(name, f'{where}, name {number}')
        if name in first:
            raise InputError(f'{where}: names {first[name]} and {number} are both {name!r}')
        first[name] = number
    return names
