"""Faces in Parquet files: image bytes and a label, as Hugging Face publishes face sets."""
from __future__ import annotations

import os
from collections import OrderedDict
from glob import escape, glob
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.formats.base import FaceFormat
from lrfr_mm.datasets.sources.base import FaceSource, read_people
from lrfr_mm.errors import InputError, InputMissingError, MissingDependencyError, reading
from lrfr_mm.registry import FORMATS, SOURCES

__all__ = ['ParquetFaces', 'ParquetFormat', 'import_pyarrow']

_CLASSES = b'lrfr_mm.num_classes'  # of the file's metadata: people without an image count as well
_MAX_OPEN = 16  # files that a process keeps open


def import_pyarrow():
    """pyarrow and its parquet module; MissingDependencyError says what to install."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError('Parquet needs `pip install pyarrow`') from None
    return pyarrow, pyarrow.parquet


@SOURCES.register_module()
class ParquetFaces(FaceSource):
    """``*.parquet`` files in one folder, in the order of their names.

    Parquet is made for reading in order: a read at random decodes a whole row group. ``cache``
    row groups are kept; for training at full speed convert the set to LMDB or RecordIO.

    Args:
        root: Folder, or one file.
        image_column: Column of the images: bytes, or Hugging Face's struct with ``bytes``.
        label_column: Column of the labels, integers.
        cache: Row groups to keep in each process.

    Raises:
        InputMissingError: If there is no such file.
        InputError: If a file is cut or foreign, lacks a column, or has labels that are not whole
            numbers from 0; the text names the file.
        MissingDependencyError: Without the package pyarrow.
    """

    def __init__(self, root: str, image_column: str = 'image', label_column: str = 'label',
                 cache: int = 2):
        _, parquet = import_pyarrow()
        self.root, self.image_column, self.label_column = str(root), image_column, label_column
        self.cache = cache
        self._files = ([self.root] if os.path.isfile(self.root)
                       else sorted(glob(os.path.join(escape(self.root), '*.parquet'))))
        if not self._files:
            raise InputMissingError(f'{self.root} holds no .parquet file')
        groups, labels, classes = [], [], 0
        for number, path in enumerate(self._files):
            with reading(f'{path} is not a Parquet file of faces'), \
                    parquet.ParquetFile(path) as file:
                names = file.schema_arrow.names
                for column in (image_column, label_column):
                    if column not in names:
                        raise InputError(f'{path} has no column {column!r}, but '
                                         f'{", ".join(names)}')
                groups += [(number, k, file.metadata.row_group(k).num_rows)
                           for k in range(file.num_row_groups)]
                labels.append(_whole_numbers(file, path, label_column))
                classes = max(classes, int((file.metadata.metadata or {}).get(_CLASSES, 0)))
        self._labels = np.concatenate(labels)
        self._groups = np.array(groups, np.int64).reshape(-1, 3)
        self._starts = np.cumsum([0, *self._groups[:, 2]])
        if len(self._labels) == 0 or len(self._labels) != self._starts[-1]:
            raise InputError(f'{self.root} has {len(self._labels)} labels for {self._starts[-1]} '
                             'images')
        self.num_classes = max(int(self._labels.max()) + 1, classes)
        self.people = read_people(self.root, self.num_classes)
        self._open, self._pid = {}, None

    def _read_group(self, group: int):
        if self._pid != os.getpid():
            self._open, self._recent, self._pid = OrderedDict(), OrderedDict(), os.getpid()
        if group in self._recent:
            self._recent.move_to_end(group)
            return self._recent[group]
        number, position, _ = self._groups[group].tolist()
        with reading(f'{self._files[number]}, row group {position}'):
            if number not in self._open:
                _, parquet = import_pyarrow()
                self._open[number] = parquet.ParquetFile(self._files[number], memory_map=True)
                while len(self._open) > _MAX_OPEN:
                    self._open.popitem(last=False)[1].close()
            table = self._open[number].read_row_group(position, [self.image_column],
                                                      use_threads=False)
            column = table.column(0).combine_chunks()
            if column.type.num_fields:  # Hugging Face's struct of bytes and path
                column = column.field('bytes')
            if len(column) != self._groups[group, 2]:
                raise InputError(f'{self._files[number]}, row group {position} has {len(column)} '
                                 f'of {self._groups[group, 2]} rows')
        self._recent[group] = column
        if len(self._recent) > self.cache:
            self._recent.popitem(last=False)
        return column

    def __len__(self) -> int:
        return len(self._labels)

    def read(self, index: int) -> tuple[bytes, int]:
        if not 0 <= index < len(self):
            raise IndexError(f'{self!r} has no image {index}')
        group = int(np.searchsorted(self._starts, index, side='right')) - 1
        column, row = self._read_group(group), index - int(self._starts[group])
        with reading(f'{self.root}, image {index}'):
            image = column[row].as_py()
        if not isinstance(image, bytes):
            raise InputError(f'{self.root}, image {index} is {type(image).__name__}, bytes are '
                             'expected')
        return image, int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.copy()

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_open': {}, '_recent': None, '_pid': None}

    def __repr__(self) -> str:
        return f'ParquetFaces({self.root!r}: {len(self)} images of {self.num_classes} people)'


def _whole_numbers(file, path: str, column: str) -> np.ndarray:
    """Labels of a file, int64 (N,)."""
    arrow, _ = import_pyarrow()
    data = file.read([column]).column(0)
    if not arrow.types.is_integer(data.type):
        raise InputError(f'{path}: the column {column!r} holds {data.type}, whole numbers are '
                         'expected as labels')
    if data.null_count:
        raise InputError(f'{path}: the column {column!r} has {data.null_count} empty rows')
    labels = data.to_numpy()
    wrong = (labels < 0) | (labels >= np.iinfo(np.int64).max)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f'{path}, row {row}: the label {labels[row]} cannot be')
    return labels.astype(np.int64)


@FORMATS.register_module('parquet')
class ParquetFormat(FaceFormat):
    """Files of one chunk each, with Hugging Face's struct of bytes and path."""

    reader = ParquetFaces
    files = '*.parquet'
    prefix, suffix, chunks_are_files = 'part-', '.parquet', True

    @classmethod
    def recognises(cls, path: Path) -> bool:
        # tools/align_faces.py puts a manifest.parquet, a table without images, beside the people.
        return (path.suffix == '.parquet' and path.is_file()) or (path.is_dir() and any(
            file.name != 'manifest.parquet' for file in path.glob('*.parquet')))

    def write_chunk(self, start: int, stop: int, path: Path) -> None:
        arrow, parquet = import_pyarrow()
        rows = list(self.items(start, stop))
        image = arrow.struct([('bytes', arrow.binary()), ('path', arrow.string())])
        schema = arrow.schema([('image', image), ('label', arrow.int64())],
                              {_CLASSES: str(self.source.num_classes)})
        table = arrow.table({
            'image': arrow.array([dict(bytes=data, path=f'{i:09d}.{suffix}')
                                  for i, data, _, suffix in rows], image),
            'label': arrow.array([label for _, _, label, _ in rows], arrow.int64())}, schema=schema)
        parquet.write_table(table, path, row_group_size=64, compression='none',
                            use_dictionary=False)

    def finish(self, chunks: list[Path], counts: list[int]) -> None:
        self.write_people()
