"""Landmarks that a set brings along."""
from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.image_files import is_image_name
from lrfr_mm.datasets.text_lists import as_number, read_lines
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import safe_relative_path

__all__ = ['LANDMARK_FORMATS', 'read_landmarks']

_VALUES = (4, 8, 10)  # of two, four or five points


def read_landmarks(path: str, layout: str,
                   groups: list[list[int]] | None = None) -> dict[str, np.ndarray]:
    """Landmarks by image name.

    Args:
        path: The file; for 'files' the directory.
        layout: One of

            - 'table': lines "NAME x y x y ...": two points (eyes), four (eyes, nose tip, middle of
              the mouth: SCface's ``all.txt``) or five. In a line with tabs or commas the first
              field is the name; in one with blanks only, the last 4, 8 or 10 words are the points
              and what precedes them is the name. One or two lines without points may come first.
            - 'celeba': ``list_landmarks_celeba.txt``, the number of images, a heading, such lines.
            - 'files': a directory with a text file an image, a point "x,y" a line (CFP's
              ``Data/Fiducials``).
        groups: For 'files' with more than five points: the numbers, from 0, of the points whose
            means are the left eye, right eye, nose tip and mouth corners. (The numbering of CFP's
            30 points is in the set's own description.)

    Returns:
        Name, as the file has it and without the ending of an image, to the points in px, float64
        (N, 2) with N = 2, 4 or 5.

    Raises:
        InputMissingError: If it is missing.
        InputError: For another layout, or a line that does not fit, with its number. No line is
            left out.
    """
    if layout not in LANDMARK_FORMATS:
        raise InputError(f'layout must be one of {", ".join(LANDMARK_FORMATS)}, got {layout!r}')
    if not os.path.exists(path):
        raise InputMissingError(f'landmarks {path} do not exist')
    return LANDMARK_FORMATS[layout](path, groups)


def _read_table(path: str, groups=None) -> dict[str, np.ndarray]:
    lines = read_lines(path)
    heading = 0
    while heading < min(2, len(lines)) and _is_heading(lines[heading][1]):
        heading += 1
    found = {}
    for number, line in lines[heading:]:
        where = f'{path}, line {number}'
        name, values = _split(line, where)
        name = safe_relative_path(name, where)
        name = os.path.splitext(name)[0] if is_image_name(name.rpartition('/')[2]) else name
        if name in found:
            raise InputError(f'{where}: {name!r} occurs twice')
        found[name] = np.array(values).reshape(-1, 2)
    if not found:
        raise InputError(f'{path} has no line with a name and points')
    return found


def _read_celeba(path: str, groups=None) -> dict[str, np.ndarray]:
    found = _read_table(path)
    number, line = read_lines(path)[0]
    if as_number(line) is not None and as_number(line) != len(found):
        raise InputError(f'{path}, line {number}: it announces {line} images, but {len(found)} '
                         'follow')
    return found


def _is_heading(line: str) -> bool:
    """Whether it is a lone number (of the lines that follow), or has no number."""
    words = line.replace(',', ' ').split()
    return len(words) == 1 or not any(_number(word) is not None for word in words)


def _split(line: str, where: str) -> tuple[str, list[float]]:
    """Name and coordinates of one line."""
    fields = [field.strip() for field in re.split(r'[\t,]', line)]
    name, words = fields[0], [word for field in fields[1:] for word in field.split() or ['']]
    if len(fields) == 1:
        words = line.split()
        count = 0  # of the words at the end that are numbers; the first is always the name's
        while count < len(words) - 1 and _number(words[-1 - count]) is not None:
            count += 1
        name = line.rsplit(None, count)[0] if count else line
        words = words[len(words) - count:]
    name = name[1:-1] if name[:1] == name[-1:] == '"' and len(name) > 2 else name
    values = [_number(word) for word in words]
    # A name goes on behind its ending where one of the numbers cannot be read.
    longer = len(fields) == 1 and any(is_image_name(word) for word in name.split()[:-1])
    if len(values) not in _VALUES or None in values or longer:
        raise InputError(f'{where}: a name and 2, 4 or 5 points expected, got {line[:80]!r} (a '
                         'name that ends in a number needs a tab or comma behind it)')
    return name, values


def _read_files(path: str, groups: list[list[int]] | None = None) -> dict[str, np.ndarray]:
    found = {}
    for file in sorted(Path(path).rglob('*.txt')):
        if file.name.startswith('.'):
            continue
        points = []
        for number, line in read_lines(file):
            point = [_number(word) for word in line.split(',')]
            if len(point) != 2 or None in point:
                raise InputError(f'{file}, line {number}: "x,y" expected, got {line[:80]!r}')
            points.append(point)
        points = np.array(points).reshape(-1, 2)
        if groups is not None:
            most = max(max(group) for group in groups)
            if most >= len(points):
                raise InputError(f'{file} has {len(points)} points, and none with the number '
                                 f'{most}')
            points = np.stack([points[list(group)].mean(0) for group in groups])
        if points.shape not in ((2, 2), (4, 2), (5, 2)):
            raise InputError(f'{file}: 2, 4 or 5 points "x,y" expected, got shape {points.shape}; '
                             'say by groups which of them are eyes, nose tip and mouth corners')
        found[file.relative_to(path).with_suffix('').as_posix()] = points
    if not found:
        raise InputError(f'{path} holds no text file with points')
    return found


def _number(word: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


LANDMARK_FORMATS = {'table': _read_table, 'celeba': _read_celeba, 'files': _read_files}
