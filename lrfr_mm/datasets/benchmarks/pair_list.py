"""LFW's pairs.txt and sets in the same form (XQLFW)."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import PairBenchmark
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.registry import DATASETS

__all__ = ['FileFaces', 'PairList', 'read_pairs']


class FileFaces(FaceSource):
    """Image files by their paths; every label is 0, since pairs carry the truth."""

    num_classes = 1

    def __init__(self, root: str, paths: list[str]):
        self.root = str(root)
        self._paths = np.array([path.encode() for path in paths])

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int) -> tuple[bytes, int]:
        return Path(self.root, self.name(index)).read_bytes(), 0

    def labels(self) -> np.ndarray:
        return np.zeros(len(self), np.int64)

    def name(self, index: int) -> str:
        return self._paths[index].decode()

    def __repr__(self) -> str:
        return f'FileFaces({self.root!r}: {len(self)} images)'


def read_pairs(path: str, template: str = '{name}/{name}_{number:04d}') -> tuple[list, np.ndarray]:
    """Read a pair list: "name i j" for the same person, "name1 i name2 j" for two.

    Returns:
        Pairs of image paths without ending, and whether each shows one person, (P,) bool.

    Raises:
        ValueError: For a line of another form, with its number.
    """
    pairs, is_same = [], []
    for number, line in enumerate(Path(path).read_text(encoding='utf-8').splitlines(), 1):
        parts = line.split('\t') if '\t' in line else line.split()
        if not line.strip() or (number == 1 and all(p.strip().isdigit() for p in parts)):
            continue  # the first line counts folds and pairs
        try:
            if len(parts) == 3:
                first, second = (parts[0], parts[1]), (parts[0], parts[2])
            elif len(parts) == 4:
                first, second = (parts[0], parts[1]), (parts[2], parts[3])
            else:
                raise ValueError
            pair = [template.format(name=name, number=int(index)) for name, index in (first,
                                                                                     second)]
        except ValueError:
            raise ValueError(f'{path}, line {number}: "name i j" or "name1 i name2 j" expected, '
                             f'got {line[:80]!r}') from None
        pairs.append(pair)
        is_same.append(len(parts) == 3)
    return pairs, np.array(is_same, bool)


@DATASETS.register_module()
class PairList(PairBenchmark):
    """A folder of aligned faces and a pair list in LFW's form.

    Args:
        name: Short name ('lfw', 'xqlfw').
        root: Folder of people, ``NAME/NAME_0001.jpg``.
        pairs: Path of the list.
        suffixes: Endings to try for each image, in order.
        alignment, pipeline, decoder: See PairBenchmark.

    Raises:
        FileNotFoundError: If the folder, the list or an image is missing.
    """

    def __init__(self, name: str, root: str, pairs: str, suffixes=('.jpg', '.png'),
                 alignment: str = 'not stated', pipeline=(), decoder: str = 'auto'):
        for path in (root, pairs):
            if not os.path.exists(path):
                raise FileNotFoundError(f'benchmark {name}: {path} is missing; aligned 112x112 '
                                        f'faces are expected in {root}, the pair list at {pairs}')
        listed, is_same = read_pairs(pairs)
        index: dict[str, int] = {}
        paths = []
        for path in (p for pair in listed for p in pair):
            if path not in index:
                found = next((path + s for s in suffixes
                              if os.path.isfile(os.path.join(root, path + s))), None)
                if found is None:
                    raise FileNotFoundError(f'benchmark {name}: {root}/{path} '
                                            f'({", ".join(suffixes)}) is in {pairs}, but missing')
                index[path] = len(paths)
                paths.append(found)
        positions = np.array([[index[a], index[b]] for a, b in listed], np.int64).reshape(-1, 2)
        super().__init__(name, FileFaces(root, paths), positions, is_same, alignment, pipeline,
                         decoder)
        self.protocol_note = f'{len(listed)} pairs of {os.path.basename(pairs)}'
