"""The table of file formats whose readers are tested on damaged files."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ['FUZZ_CASES', 'FuzzCase', 'fuzz_case']


@dataclass(frozen=True)
class FuzzCase:
    """One format.

    Attributes:
        name: Of the format.
        write: Writes sound files into an empty directory; returns the one to damage.
        read: Reads that file, and all that the reader promises to check.
        one_set: The file is a part of a set in one directory, and an error may name another part.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], object]
    one_set: bool = False


FUZZ_CASES: dict[str, FuzzCase] = {}


def fuzz_case(name: str, read: Callable[[Path], object], one_set: bool = False):
    """Register the decorated function as what writes the sound files of the format ``name``."""
    def register(write: Callable[[Path], Path]):
        FUZZ_CASES[name] = FuzzCase(name, write, read, one_set)
        return write
    return register
