"""Pair lists: LFW's form (LFW, XQLFW), two lines a pair (CALFW, CPLFW), CFP's folders."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, PairBenchmark, require_files
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES, ImageFinder
from lrfr_mm.datasets.text_lists import as_number, read_lines
from lrfr_mm.errors import InputError
from lrfr_mm.files import safe_component, safe_relative_path
from lrfr_mm.registry import DATASETS

__all__ = ['CFPPairs', 'PairList', 'read_pairs', 'read_two_line_pairs']


def read_pairs(path: str, template: str = '{name}/{name}_{number:04d}') -> tuple[list, np.ndarray]:
    """Read a pair list: "name i j" for the same person, "name1 i name2 j" for two.

    The columns are separated by tabs, or by blanks in a line without tabs. A first line of one or
    two numbers (folds and pairs a fold) is a heading.

    Returns:
        Pairs of image paths without ending, and whether each shows one person, (P,) bool.

    Raises:
        InputError: For a line of another form, a name that is not one directory, or a pair of an
            image with itself, with the line's number; for a list without pairs.
    """
    pairs, is_same = [], []
    for number, line in read_lines(path):
        where = f'{path}, line {number}'
        parts = [part.strip() for part in line.split('\t' if '\t' in line else None)]
        if number == 1 and len(parts) <= 2 and all(as_number(part) is not None for part in parts):
            continue
        if len(parts) == 3:
            images = [(parts[0], parts[1]), (parts[0], parts[2])]
        elif len(parts) == 4:
            images = [(parts[0], parts[1]), (parts[2], parts[3])]
        else:
            images = []
        if not images or any(as_number(index) is None for _, index in images):
            raise InputError(f'{where}: "name i j" or "name1 i name2 j" expected, got '
                             f'{line[:80]!r}')
        pair = [template.format(name=safe_component(name, where), number=as_number(index))
                for name, index in images]
        if pair[0] == pair[1]:
            raise InputError(f'{where}: an image is compared with itself: {line[:80]!r}')
        pairs.append(pair)
        is_same.append(len(parts) == 3)
    if not pairs:
        raise InputError(f'{path} lists no pairs')
    return pairs, np.array(is_same, bool)


def read_two_line_pairs(path: str) -> tuple[list, np.ndarray]:
    """Read CALFW's or CPLFW's list: two lines "FILE LABEL" a pair, label 0 for different people.

    The order is changed so that each tenth holds a tenth of the same and of the different pairs,
    each kind in its own order: a list may put all pairs of a kind together, and consecutive folds
    of one kind would have no threshold to find.

    Returns:
        Pairs of file names, and whether each shows one person, (P,) bool.

    Raises:
        InputError: For another form, an unsafe name, or a pair of an image with itself, with the
            line's number; for a list without pairs.
    """
    lines = read_lines(path)
    pairs, is_same = [], []
    for start in range(0, len(lines), 2):
        pair, labels = [], []
        for number, line in lines[start:start + 2]:
            where = f'{path}, line {number}'
            words = line.rsplit(None, 1)
            if len(words) != 2 or as_number(words[1]) is None:
                raise InputError(f'{where}: "FILE LABEL" expected, got {line[:80]!r}')
            pair.append(safe_relative_path(words[0], where))
            labels.append(as_number(words[1]) != 0)
        if len(pair) < 2 or labels[0] != labels[1]:
            raise InputError(f'{path}, line {lines[start][0]}: two lines "FILE LABEL" with the '
                             f'same label expected, got {[line for _, line in lines[start:][:2]]}')
        if pair[0] == pair[1]:
            raise InputError(f'{path}, line {lines[start][0]}: {pair[0]!r} is compared with itself')
        pairs.append(pair)
        is_same.append(labels[0])
    if not pairs:
        raise InputError(f'{path} lists no pairs')
    is_same = np.array(is_same, bool)
    order = np.concatenate([np.concatenate([np.array_split(np.flatnonzero(kind), 10)[fold]
                                            for kind in (is_same, ~is_same)])
                            for fold in range(10)])
    return [pairs[k] for k in order], is_same[order]


def _positions(root: str, listed: list, suffixes) -> tuple[list, np.ndarray]:
    """Files of all listed names (without ending), each once, and the pairs' positions, (P, 2)."""
    finder = ImageFinder(root, suffixes)
    index: dict[str, int] = {}
    for pair in listed:
        for path in pair:
            index.setdefault(path, len(index))
    paths = [finder.find(path) for path in index]
    positions = np.array([[index[a], index[b]] for a, b in listed], np.int64).reshape(-1, 2)
    return paths, positions


@DATASETS.register_module()
class PairList(PairBenchmark):
    """A folder of aligned faces and a pair list.

    Args:
        name: Short name ('lfw', 'xqlfw', 'calfw', 'cplfw').
        root: Folder of the images; for LFW's form a folder of people, ``NAME/NAME_0001.jpg``.
        pairs: Path of the list.
        form: 'lfw' (see ``read_pairs``) or 'two_lines' (CALFW, CPLFW; see
            ``read_two_line_pairs``).
        suffixes: Endings to try for each image, in order, in any case. Names of the 'two_lines'
            form lose their own first, so that faces aligned into another format are found.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        InputMissingError: If the directory, the list or an image is missing.
        InputError: For another form, or a list that cannot be read.
    """

    def __init__(self, name: str, root: str, pairs: str, form: str = 'lfw',
                 suffixes=IMAGE_SUFFIXES, **kwargs):
        if form not in ('lfw', 'two_lines'):
            raise InputError(f"form must be 'lfw' or 'two_lines', got {form!r}")
        require_files(root, pairs, what=f'aligned 112x112 faces are expected in {root}, the pair '
                      f'list at {pairs}')
        note = os.path.basename(pairs)
        if form == 'lfw':
            listed, is_same = read_pairs(pairs)
        else:
            listed, is_same = read_two_line_pairs(pairs)
            listed = [[os.path.splitext(file)[0] for file in pair] for pair in listed]
            note += ', a tenth of each kind a fold'
        paths, positions = _positions(root, listed, suffixes)
        super().__init__(name, FileFaces(root, paths), positions, is_same,
                         protocol_note=f'{len(listed)} pairs of {note}', **kwargs)


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
        names = {side: _read_names(protocol / f'Pair_list_{side}.txt') for side in set(kind)}
        listed, is_same = [], []
        for fold in range(1, 11):
            for file, same in (('same', True), ('diff', False)):
                path = protocol / 'Split' / kind / f'{fold:02d}' / f'{file}.txt'
                pairs = _read_number_pairs(path, names[kind[0]], names[kind[1]])
                listed += pairs
                is_same += [same] * len(pairs)
        images = images or root
        paths, positions = _positions(images, listed, suffixes)
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


def _read_number_pairs(path: Path, first: dict[int, str], second: dict[int, str]) -> list:
    """Lines "i,j" of CFP's folds, as paths of the images with these numbers in the two lists."""
    pairs = []
    for number, line in read_lines(path):
        words = [as_number(word) for word in line.split(',')]
        if len(words) != 2 or words[0] not in first or words[1] not in second:
            raise InputError(f'{path}, line {number}: "i,j" of listed images expected, got '
                             f'{line[:80]!r}')
        pair = [first[words[0]], second[words[1]]]
        if pair[0] == pair[1]:
            raise InputError(f'{path}, line {number}: image {words[0]} is compared with itself')
        pairs.append(pair)
    if not pairs:
        raise InputError(f'{path} lists no pairs')
    return pairs
