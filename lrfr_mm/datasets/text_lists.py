"""Text files that list something, a line an item."""
from __future__ import annotations

import os
from pathlib import Path

from lrfr_mm.errors import InputError, InputMissingError

__all__ = ['as_number', 'read_lines']


def read_lines(path: str | os.PathLike) -> list[tuple[int, str]]:
    """Lines that are not blank, each with its number (from 1), without white space at its ends.

    UTF-8, with or without a byte order mark; lines end with LF, CR LF or CR.

    Raises:
        InputMissingError: If there is no such file.
        InputError: If it is no regular file, cannot be read, or is not UTF-8; the text names the
            file, and the line.
    """
    if not os.path.exists(path):
        raise InputMissingError(f'{path} does not exist')
    if not os.path.isfile(path):
        raise InputError(f'{path} is not a file')
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}') from error
    data = data.replace(b'\r\n', b'\n').replace(b'\r', b'\n')
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise InputError(f'{path}, line {line}: it is not UTF-8 text') from error
    lines = ((number, line.strip()) for number, line in enumerate(text.split('\n'), 1))
    return [(number, line) for number, line in lines if line]


def as_number(word: str) -> int | None:
    """The whole number from 0 that ``word`` is written as (up to nine ASCII digits), or None."""
    word = word.strip()
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 9 else None
