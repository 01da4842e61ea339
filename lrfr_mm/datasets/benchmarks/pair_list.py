"""Pair lists: LFW's form (LFW, XQLFW), two lines a pair (CALFW, CPLFW)."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, PairBenchmark, require_files
from lrfr_mm.datasets.benchmarks.miniature import People, draw_pairs, miniature, save_face
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES, ImageFinder
from lrfr_mm.datasets.text_lists import as_number, read_lines
from lrfr_mm.errors import InputError
from lrfr_mm.files import safe_component, safe_relative_path
from lrfr_mm.ops.resample import degrade_array
from lrfr_mm.registry import DATASETS

__all__ = ['PairList', 'listed_images', 'read_pairs', 'read_two_line_pairs']


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


def listed_images(root: str, listed: list, suffixes, listed_in) -> tuple[list, np.ndarray]:
    """Files of listed pairs.

    Args:
        root: Directory of the images.
        listed: Pairs of paths below it, without ending.
        suffixes, listed_in: See ImageFinder.

    Returns:
        Paths with ending, each once, and the pairs as positions among them, int64 (P, 2).

    Raises:
        InputMissingError: If an image is missing.
    """
    finder = ImageFinder(root, listed_in, suffixes)
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
        paths, positions = listed_images(root, listed, suffixes, pairs)
        super().__init__(name, FileFaces(root, paths), positions, is_same,
                         protocol_note=f'{len(listed)} pairs of {note}', **kwargs)


@miniature('lfw')
def _write_lfw(root: Path, people: People, name: str = 'lfw', low: bool = False) -> None:
    pairs, is_same = draw_pairs(people, 120, 1)
    lines, names = [], [f'Person_{p:03d}' for p in range(len(people))]
    per_fold = len(pairs) // 10
    for fold in range(10):  # LFW's folds list the same pairs first
        part = range(fold * per_fold, (fold + 1) * per_fold)
        for same in (True, False):
            for k in part:
                if is_same[k] == same:
                    (a, i), (b, j) = pairs[k]
                    lines.append(f'{names[a]}\t{i + 1}\t{j + 1}' if same else
                                 f'{names[a]}\t{i + 1}\t{names[b]}\t{j + 1}')
    for p in range(len(people)):
        for k in range(4):
            face = people.face(p, k)
            if low and k % 2:
                face = degrade_array(face, int(people.rng.choice([10, 16, 24])))
            save_face(root / 'aligned' / names[p] / f'{names[p]}_{k + 1:04d}.jpg', face)
    header = f'10\t{per_fold // 2}'
    (root / ('pairs.txt' if name == 'lfw' else f'{name}_pairs.txt')).write_text(
        '\n'.join([header, *lines]) + '\n')


@miniature('xqlfw')
def _write_xqlfw(root: Path, people: People) -> None:
    _write_lfw(root, people, 'xqlfw', low=True)


def _write_two_lines(root: Path, people: People, name: str, template: str) -> None:
    pairs, is_same = draw_pairs(people, 120, 2)
    lines = []
    for same in (True, False):  # all same pairs first, as in the real lists
        for pair, kind in zip(pairs, is_same, strict=True):
            if kind == same:
                lines += [f'{template.format(person=p, number=k + 1)} {int(same)}'
                          for p, k in pair]
    (root / f'pairs_{name}.txt').parent.mkdir(parents=True, exist_ok=True)
    (root / f'pairs_{name}.txt').write_text('\n'.join(lines) + '\n')
    for p in range(len(people)):
        for k in range(4):
            save_face(root / 'aligned' / template.format(person=p, number=k + 1),
                  people.face(p, k))


@miniature('calfw')
def _write_calfw(root: Path, people: People) -> None:
    _write_two_lines(root, people, 'CALFW', 'Person_{person:03d}_{number:04d}.jpg')


@miniature('cplfw')
def _write_cplfw(root: Path, people: People) -> None:
    _write_two_lines(root, people, 'CPLFW', 'Person_{person:03d}_{number}.jpg')
