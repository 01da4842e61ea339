"""Pair lists: LFW's form (LFW, XQLFW), two lines a pair (CALFW, CPLFW), CFP's folders."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, PairBenchmark, need
from lrfr_mm.registry import DATASETS

__all__ = ['CFPPairs', 'PairList', 'read_pairs', 'read_two_line_pairs']


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


def read_two_line_pairs(path: str) -> tuple[list, np.ndarray]:
    """Read CALFW's or CPLFW's list: two lines "FILE LABEL" a pair, label 0 for different people.

    The order is changed so that each tenth holds a tenth of the same and of the different pairs,
    each kind in its own order: a list may put all pairs of a kind together, and consecutive folds
    of one kind would have no threshold to find.

    Returns:
        Pairs of file names, and whether each shows one person, (P,) bool.

    Raises:
        ValueError: For another form, with the line's number.
    """
    lines = [line.split() for line in Path(path).read_text(encoding='utf-8').splitlines()
             if line.strip()]
    pairs, is_same = [], []
    for number in range(0, len(lines), 2):
        pair = lines[number:number + 2]
        if len(pair) < 2 or any(len(words) != 2 or not words[1].isdigit() for words in pair) or (
                (pair[0][1] == '0') != (pair[1][1] == '0')):
            raise ValueError(f'{path}, line {number + 1}: two lines "FILE LABEL" with the same '
                             f'label expected, got {pair}')
        pairs.append([pair[0][0], pair[1][0]])
        is_same.append(pair[0][1] != '0')
    is_same = np.array(is_same, bool)
    order = np.concatenate([np.concatenate([np.array_split(np.flatnonzero(kind), 10)[fold]
                                            for kind in (is_same, ~is_same)])
                            for fold in range(10)])
    return [pairs[k] for k in order], is_same[order]


def _positions(name: str, root: str, listed: list, suffixes,
               origin: str) -> tuple[list, np.ndarray]:
    """Files of all listed names, each once, and the pairs as positions among them."""
    index: dict[str, int] = {}
    paths = []
    for path in (p for pair in listed for p in pair):
        if path not in index:
            found = next((path + s for s in suffixes
                          if os.path.isfile(os.path.join(root, path + s))), None)
            if found is None:
                raise FileNotFoundError(f'benchmark {name}: {root}/{path} '
                                        f'({", ".join(map(repr, suffixes))}) is in {origin}, but '
                                        'missing')
            index[path] = len(paths)
            paths.append(found)
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
        suffixes: Endings to try for each image, in order. Names of the 'two_lines' form lose
            their own first, so that faces aligned into another format are found.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        FileNotFoundError: If the folder, the list or an image is missing.
        ValueError: For another form.
    """

    def __init__(self, name: str, root: str, pairs: str, form: str = 'lfw',
                 suffixes=('.jpg', '.png', '.JPG', '.jpeg'), **kwargs):
        if form not in ('lfw', 'two_lines'):
            raise ValueError(f"form must be 'lfw' or 'two_lines', got {form!r}")
        need(name, root, pairs, what=f'aligned 112x112 faces are expected in {root}, the pair '
             f'list at {pairs}')
        note = os.path.basename(pairs)
        if form == 'lfw':
            listed, is_same = read_pairs(pairs)
        else:
            listed, is_same = read_two_line_pairs(pairs)
            listed = [[os.path.splitext(file)[0] for file in pair] for pair in listed]
            note += ', a tenth of each kind a fold'
        paths, positions = _positions(name, root, listed, suffixes, pairs)
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
        suffixes: Endings to try in place of the listed one.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a list cannot be read.
    """

    def __init__(self, name: str, root: str, kind: str = 'FP', images: str | None = None,
                 suffixes=('.jpg', '.png'), **kwargs):
        if kind not in ('FP', 'FF'):
            raise ValueError(f"kind must be 'FP' or 'FF', got {kind!r}")
        protocol = Path(root, 'Protocol')
        need(name, protocol, what=f'CFP\'s Protocol folder is expected in {root}')
        names = {side: self._read_names(protocol / f'Pair_list_{side}.txt') for side in set(kind)}
        listed, is_same = [], []
        for fold in range(1, 11):
            for file, same in (('same', True), ('diff', False)):
                path = protocol / 'Split' / kind / f'{fold:02d}' / f'{file}.txt'
                need(name, path)
                for number, line in enumerate(path.read_text().split(), 1):
                    try:
                        first, second = (int(part) for part in line.split(','))
                        listed.append([names[kind[0]][first], names[kind[1]][second]])
                    except (ValueError, KeyError):
                        raise ValueError(f'{path}, line {number}: "i,j" of listed images '
                                         f'expected, got {line!r}') from None
                    is_same.append(same)
        images = images or root
        paths, positions = _positions(name, images, listed, suffixes, str(protocol))
        super().__init__(name, FileFaces(images, paths), positions, np.array(is_same, bool),
                         protocol_note=f'{len(listed)} pairs of Protocol/Split/{kind}', **kwargs)

    @staticmethod
    def _read_names(path: Path) -> dict[int, str]:
        need('CFP', path)
        names = {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split()
            if not words:
                continue
            if len(words) != 2 or not words[0].isdigit():
                raise ValueError(f'{path}, line {number}: "NUMBER PATH" expected, got {line!r}')
            path_parts = [part for part in Path(words[1]).with_suffix('').parts if part != '..']
            names[int(words[0])] = '/'.join(path_parts)
        return names
