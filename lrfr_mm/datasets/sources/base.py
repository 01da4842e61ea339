"""What a source of faces is."""
from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ['FaceSource', 'read_people']


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
        """Encoded image, or uint8 RGB (H, W, 3), and label of image ``index``."""
        raise NotImplementedError

    def labels(self) -> np.ndarray:
        """Labels of all images, int64 (N,), without decoding any."""
        return np.array([self.read(i)[1] for i in range(len(self))], np.int64)

    def epoch_indices(self, rng: np.random.Generator) -> np.ndarray | None:
        """Positions to visit in one epoch, drawn from ``rng``; None for each position once."""
        return None

    def name(self, index: int) -> str:
        """What a person would call image ``index``."""
        return str(index)


def read_people(root: str, num_classes: int) -> list[str] | None:
    """Names of the labels in ``root/people.txt``, one a line, as the converter writes it; None
    without that file.

    Raises:
        ValueError: If it has another number of names than ``num_classes``.
    """
    path = Path(root, 'people.txt')
    if not path.is_file():
        return None
    names = path.read_text(encoding='utf-8').splitlines()
    if len(names) != num_classes:
        raise ValueError(f'{path} has {len(names)} names for {num_classes} people')
    return names
