"""What a storage format is: one class that says how it is recognised, read and written."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from lrfr_mm.datasets.decode import image_suffix
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import write_text
from lrfr_mm.registry import FORMATS

__all__ = ['FaceFormat', 'detect_format', 'detect_source', 'format_names']


class FaceFormat:
    """A storage format, registered in FORMATS under its name on the command line.

    A subclass recognises (:meth:`recognises`), reads (:meth:`open`) and writes: an instance writes
    one source into one directory, :meth:`write_chunk` in the worker processes, then :meth:`finish`
    in the main process.

    Args:
        folder: Directory to write into.
        source: What is written.
        size: Image side in px, for formats that state it.

    Attributes:
        reader: The registered source class; ``open`` calls it with the path.
        files: What lies in such a set, for messages.
        generic: Recognises what others may recognise more precisely, so it is asked last.
        prefix, suffix: Of the chunks' file names.
        chunks_are_files: The chunks are files of the finished set (else they are written to a
            directory of their own, which is removed in the end).
    """

    reader: ClassVar[type[FaceSource]]
    files: ClassVar[str]
    generic: ClassVar[bool] = False
    prefix: ClassVar[str] = 'chunk-'
    suffix: ClassVar[str] = ''
    chunks_are_files: ClassVar[bool] = False

    def __init__(self, folder: Path, source: FaceSource, size: int):
        self.folder, self.source, self.size = Path(folder), source, size

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether a set of this format lies at ``path``, judged by the names of its files."""
        raise NotImplementedError

    @classmethod
    def open(cls, path: Path) -> FaceSource:
        """The set at ``path``; errors as the reader's constructor."""
        return cls.reader(str(path))

    @property
    def chunk_folder(self) -> Path:
        """Where the chunks lie."""
        return self.folder if self.chunks_are_files else self.folder / '.chunks'

    @classmethod
    def check(cls, source: FaceSource) -> None:
        """Refuse, before anything is written, what the format cannot hold; raises InputError."""

    def write_chunk(self, start: int, stop: int, path: Path) -> None:
        """Write images ``start`` to ``stop`` - 1 to the file ``path``."""
        raise NotImplementedError

    def finish(self, chunks: list[Path], counts: list[int]) -> None:
        """Make the set out of its chunks, in order, of ``counts`` images each.

        It may run again after it was killed.
        """
        raise NotImplementedError

    def clean(self) -> None:
        """Remove chunks that are no part of the finished set."""
        if not self.chunks_are_files:
            shutil.rmtree(self.chunk_folder, ignore_errors=True)

    def items(self, start: int, stop: int) -> Iterator[tuple[int, bytes, int, str]]:
        """(position, encoded image, label, ending) of images ``start`` to ``stop`` - 1.

        Raises:
            InputError: If one is no encoded image, or its label is outside 0 to num_classes - 1.
        """
        for i in range(start, stop):
            image, label = self.source.read(i)
            if not 0 <= label < self.source.num_classes:
                raise InputError(f'{self.source}, image {i}: label {label} is outside 0 to '
                                 f'{self.source.num_classes - 1}')
            yield i, image, label, image_suffix(image, f'{self.source}, image {i}')

    def write_people(self) -> None:
        """Write the people's names, where the source has them, as ``read_people`` reads them."""
        if self.source.people:
            write_text(self.folder / 'people.txt', '\n'.join(self.source.people) + '\n')


def format_names() -> tuple[str, ...]:
    """Names of all registered formats."""
    FORMATS.import_from_location()
    return tuple(FORMATS.module_dict)


def detect_format(path: str | Path) -> str:
    """Name of the format in which a set lies at ``path``.

    Raises:
        InputMissingError: If nothing is there.
        InputError: If it is no set of faces, or of two formats at once.
    """
    root = Path(path)
    if not root.exists():
        raise InputMissingError(f'{path} does not exist')
    for generic in (False, True):
        found = [name for name in format_names() if FORMATS.get(name).generic == generic
                 and FORMATS.get(name).recognises(root)]
        if len(found) > 1:
            raise InputError(f'{path} holds sets of several formats: {", ".join(found)}')
        if found:
            return found[0]
    known = ', or '.join(FORMATS.get(name).files for name in format_names())
    raise InputError(f'{path} is no set of faces: {known}')


def detect_source(path: str | Path) -> FaceSource:
    """Open the set of faces at ``path`` in whatever registered format it lies there.

    Raises:
        InputMissingError: If nothing is there.
        InputError: If it is no set of faces, of two formats at once, or damaged.
    """
    return FORMATS.get(detect_format(path)).open(Path(path))
