"""CFP: pairs of numbered images in folds."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, PairBenchmark, require_files
from lrfr_mm.datasets.benchmarks.miniature import People, miniature, save_face
from lrfr_mm.datasets.benchmarks.pair_list import listed_images
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES
from lrfr_mm.datasets.text_lists import as_number, read_lines
from lrfr_mm.errors import InputError
from lrfr_mm.files import safe_relative_path
from lrfr_mm.registry import DATASETS

__all__ = ['CFPPairs']


@DATASETS.register_module()
class CFPPairs(PairBenchmark):
    """CFP (Sengupta et al., WACV 2016): frontal against frontal, or against profile.

    ``root/Protocol/Pair_list_F.txt`` and ``Pair_list_P.txt`` number the images, and
    ``root/Protocol/Split/FP/01 ... 10/{same,diff}.txt`` hold pairs "i,j" of those numbers.

    Args:
        name: Short name ('cfp_fp', 'cfp_ff').
        root: Folder with ``Protocol``.
        kind: 'FP' or 'FF'.
        images: Folder of the aligned images; default ``root``. The lists' paths
            (``../Data/Images/001/frontal/01.jpg``) are looked up below it, from ``Data`` on.
        suffixes: Endings to try in place of the listed one, in order, in any case.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        InputMissingError: If a file is missing.
        InputError: If a list cannot be read.
    """

    def __init__(self, name: str, root: str, kind: str = 'FP', images: str | None = None,
                 suffixes=IMAGE_SUFFIXES, **kwargs):
        if kind not in ('FP', 'FF'):
            raise InputError(f"kind must be 'FP' or 'FF', got {kind!r}")
        protocol = Path(root, 'Protocol')
        require_files(protocol, what=f"CFP's Protocol directory is expected in {root}")
        lists = {side: protocol / f'Pair_list_{side}.txt' for side in kind}
        names = {side: _read_names(path) for side, path in lists.items()}
        listed, is_same = [], []
        for fold in range(1, 11):
            for file, same in (('same', True), ('diff', False)):
                path = protocol / 'Split' / kind / f'{fold:02d}' / f'{file}.txt'
                pairs = _read_number_pairs(path, *((names[side], lists[side]) for side in kind))
                listed += pairs
                is_same += [same] * len(pairs)
        images = images or root
        listed_in = ' or '.join(map(str, lists.values()))
        paths, positions = listed_images(images, listed, suffixes, listed_in)
        super().__init__(name, FileFaces(images, paths), positions, np.array(is_same, bool),
                         protocol_note=f'{len(listed)} pairs of Protocol/Split/{kind}', **kwargs)


def _read_names(path: Path) -> dict[int, str]:
    """Lines "NUMBER PATH" of CFP's list of images: number to path from ``Data`` on, no ending."""
    names = {}
    for number, line in read_lines(path):
        where = f'{path}, line {number}'
        words = line.split(None, 1)
        if len(words) != 2 or as_number(words[0]) is None:
            raise InputError(f'{where}: "NUMBER PATH" expected, got {line[:80]!r}')
        if as_number(words[0]) in names:
            raise InputError(f'{where}: number {words[0]} occurs twice')
        # The paths are relative to Protocol: "../Data/Images/001/frontal/01.jpg".
        below = safe_relative_path(words[1].removeprefix('../'), where)
        names[as_number(words[0])] = os.path.splitext(below)[0]
    if not names:
        raise InputError(f'{path} lists no images')
    return names


def _read_number_pairs(path: Path, first: tuple, second: tuple) -> list:
    """Lines "i,j" of CFP's folds, as paths.

    Args:
        path: The file.
        first, second: (number to path, the file that numbers them) of either side.
    """
    pairs = []
    for number, line in read_lines(path):
        words = [as_number(word) for word in line.split(',')]
        if len(words) != 2 or None in words:
            raise InputError(f'{path}, line {number}: "i,j" expected, got {line[:80]!r}')
        for word, (names, listed_in) in zip(words, (first, second), strict=True):
            if word not in names:
                raise InputError(f'{path}, line {number}: {listed_in} has no image {word}')
        pair = [first[0][words[0]], second[0][words[1]]]
        if pair[0] == pair[1]:
            raise InputError(f'{path}, line {number}: image {words[0]} is compared with itself')
        pairs.append(pair)
    if not pairs:
        raise InputError(f'{path} lists no pairs')
    return pairs


@miniature('cfp')
def _write_cfp(root: Path, people: People) -> None:
    (root / 'Protocol').mkdir(parents=True, exist_ok=True)
    numbers = {}
    for side, folder, images in (('F', 'frontal', 3), ('P', 'profile', 2)):
        lines = []
        for p in range(len(people)):
            for k in range(images):
                name = f'{p + 1:03d}/{folder}/{k + 1:02d}'
                numbers[side, p, k] = len(lines) + 1
                lines.append(f'{len(lines) + 1} ../Data/Images/{name}.jpg')
                face = people.face(p, k if side == 'F' else 3 + k)
                save_face(root / 'aligned' / 'Data' / 'Images' / f'{name}.jpg', face)
        (root / 'Protocol' / f'Pair_list_{side}.txt').write_text('\n'.join(lines) + '\n')
    for kind in ('FP', 'FF'):
        second = kind[1]
        for fold in range(1, 11):
            folder = root / 'Protocol' / 'Split' / kind / f'{fold:02d}'
            folder.mkdir(parents=True, exist_ok=True)
            same, different = [], []
            for _ in range(6):
                p, q = people.rng.choice(len(people), 2, replace=False)
                i, j = people.rng.choice(2, 2, replace=False)
                same.append(f'{numbers["F", p, i]},{numbers[second, p, j]}')
                different.append(f'{numbers["F", p, i]},{numbers[second, q, j]}')
            (folder / 'same.txt').write_text('\n'.join(same) + '\n')
            (folder / 'diff.txt').write_text('\n'.join(different) + '\n')
