"""Faces in Parquet files: image bytes and a label, as Hugging Face publishes face sets."""
from __future__ import annotations

import os
from collections import OrderedDict
from glob import escape, glob

import numpy as np

from lrfr_mm.datasets.sources.base import FaceSource, read_people
from lrfr_mm.registry import SOURCES

__all__ = ['ParquetFaces', 'import_pyarrow']


def import_pyarrow():
    """pyarrow and its parquet module; ImportError says what to install."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError('Parquet needs `pip install pyarrow`') from None
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
        FileNotFoundError: If there is no such file.
        ValueError: If a file is cut or foreign, or lacks a column.
    """

    def __init__(self, root: str, image_column: str = 'image', label_column: str = 'label',
                 cache: int = 2):
        _, parquet = import_pyarrow()
        self.root, self.image_column, self.label_column = str(root), image_column, label_column
        self.cache = cache
        self._files = ([self.root] if os.path.isfile(self.root)
                       else sorted(glob(os.path.join(escape(self.root), '*.parquet'))))
        if not self._files:
            raise FileNotFoundError(f'{self.root} holds no .parquet file')
        groups, labels = [], []
        for number, path in enumerate(self._files):
            try:
                with parquet.ParquetFile(path) as file:
                    names = file.schema_arrow.names
                    for column in (image_column, label_column):
                        if column not in names:
                            raise ValueError(f'it has no column {column!r}, but '
                                             f'{", ".join(names)}')
                    groups += [(number, k, file.metadata.row_group(k).num_rows)
                               for k in range(file.num_row_groups)]
                    labels.append(file.read([label_column]).column(0).to_numpy())
            except Exception as error:
                raise ValueError(f'{path} is not a Parquet file of faces: {error}') from None
        self._labels = np.concatenate(labels).astype(np.int64)
        if len(self._labels) == 0:
            raise ValueError(f'{self.root} holds no image')
        if self._labels.min() < 0:
            raise ValueError(f'{self.root} has the label {self._labels.min()}')
        self._groups = np.array(groups, np.int64)
        self._starts = np.cumsum([0, *self._groups[:, 2]])
        self.num_classes = int(self._labels.max()) + 1
        self.people = read_people(self.root, self.num_classes)
        self._open, self._pid = {}, None

    def _read_group(self, group: int):
        if self._pid != os.getpid():
            self._open, self._recent, self._pid = {}, OrderedDict(), os.getpid()
        if group in self._recent:
            self._recent.move_to_end(group)
            return self._recent[group]
        number, position, _ = self._groups[group].tolist()
        if number not in self._open:
            _, parquet = import_pyarrow()
            self._open[number] = parquet.ParquetFile(self._files[number], memory_map=True)
        try:
            table = self._open[number].read_row_group(position, [self.image_column],
                                                      use_threads=False)
        except Exception as error:
            raise ValueError(f'{self._files[number]}, row group {position}: {error}') from None
        column = table.column(0).combine_chunks()
        if column.type.num_fields:  # Hugging Face's struct of bytes and path
            column = column.field('bytes')
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
        image = self._read_group(group)[index - int(self._starts[group])].as_py()
        if image is None:
            raise ValueError(f'{self!r}, image {index} is empty')
        return image, int(self._labels[index])

    def labels(self) -> np.ndarray:
        return self._labels.copy()

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_open': {}, '_recent': None, '_pid': None}

    def __repr__(self) -> str:
        return f'ParquetFaces({self.root!r}: {len(self)} images of {self.num_classes} people)'
