"""Landmarks that a set brings along."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

__all__ = ['LANDMARK_FORMATS', 'read_landmarks']


def read_landmarks(path: str, layout: str,
                   groups: list[list[int]] | None = None) -> dict[str, np.ndarray]:
    """Landmarks by image name.

    Args:
        path: The file, for 'cfp' the folder.
        layout: One of

            - 'table': lines "NAME x y x y ...", separated by blanks, commas or tabs: two points
              (eyes), four (eyes, nose tip, middle of the mouth: SCface's ``all.txt``) or five.
              A line whose second word is no number is a heading.
            - 'celeba': ``list_landmarks_celeba.txt``, a count, a heading, then such lines.
            - 'files': a folder with a text file an image, a point "x,y" a line (CFP's
              ``Data/Fiducials``).
        groups: For 'files' with more than five points: the numbers, from 0, of the points whose
            means are the left eye, right eye, nose tip and mouth corners. (The numbering of CFP's
            30 points is in the set's own description.)

    Returns:
        Name, as the file has it and without ending, to (N, 2) points with N = 2, 4 or 5.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: For another layout, or a line that does not fit, with its number.
    """
    if layout not in LANDMARK_FORMATS:
        raise ValueError(f'layout must be one of {", ".join(LANDMARK_FORMATS)}, got {layout!r}')
    if not os.path.exists(path):
        raise FileNotFoundError(f'landmarks {path} do not exist')
    return LANDMARK_FORMATS[layout](path, groups)


def _read_table(path: str, groups=None) -> dict[str, np.ndarray]:
    found = {}
    for number, line in enumerate(Path(path).read_text(encoding='utf-8').splitlines(), 1):
        words = line.replace(',', ' ').split()
        if len(words) < 2 or not _is_number(words[1]):
            continue
        values = words[1:]
        if len(values) not in (4, 8, 10) or not all(map(_is_number, values)):
            raise ValueError(f'{path}, line {number}: a name and 2, 4 or 5 points expected, got '
                             f'{line[:80]!r}')
        found[os.path.splitext(words[0])[0]] = np.array(values, float).reshape(-1, 2)
    if not found:
        raise ValueError(f'{path} has no line with a name and points')
    return found


def _read_files(path: str, groups=None) -> dict[str, np.ndarray]:
    found = {}
    for file in sorted(Path(path).rglob('*.txt')):
        try:
            points = np.loadtxt(file, delimiter=',', ndmin=2)
            if groups is not None:
                points = np.stack([points[list(group)].mean(0) for group in groups])
        except (ValueError, IndexError) as error:
            raise ValueError(f'{file}: {error}') from None
        if points.shape not in ((2, 2), (4, 2), (5, 2)):
            raise ValueError(f'{file}: 2, 4 or 5 points "x,y" expected, got shape {points.shape}; '
                             'say by groups which of them are eyes, nose tip and mouth corners')
        found[file.relative_to(path).with_suffix('').as_posix()] = points
    if not found:
        raise ValueError(f'{path} holds no text file with points')
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


LANDMARK_FORMATS = {'table': _read_table, 'celeba': _read_table, 'files': _read_files}
