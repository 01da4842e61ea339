"""Faces in one LMDB file: random access through the page cache, shared by all processes.

Layout: key = position as 8 bytes big-endian, value = label as 8 bytes little-endian, then the
encoded image. Key ``labels`` holds all labels (int64, little-endian), key ``meta`` a JSON text with
the layout's version, the number of images and of classes.
"""
from __future__ import annotations

import json
import os
import struct

import numpy as np

from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.registry import SOURCES

__all__ = ['LMDBFaces', 'lmdb_key', 'lmdb_value', 'open_lmdb']

LMDB_VERSION = 1
# Path to (process, environment): a process may open a file once, and must not use what was opened
# before it was forked.
_ENVIRONMENTS: dict = {}
_LABEL = struct.Struct('<q')


def lmdb_key(index: int) -> bytes:
    """Key of image ``index``."""
    return struct.pack('>Q', index)


def lmdb_value(image: bytes, label: int) -> bytes:
    """Value of an image."""
    return _LABEL.pack(label) + image


def open_lmdb(path: str, **options):
    """An LMDB environment; ImportError says what to install, ValueError what is wrong with it."""
    try:
        import lmdb
    except ImportError:
        raise ImportError('LMDB needs `pip install lmdb`') from None
    try:
        return lmdb.open(path, subdir=os.path.isdir(path), **options)
    except lmdb.Error as error:
        raise ValueError(f'{path} is not an LMDB of faces: {error}') from None


@SOURCES.register_module()
class LMDBFaces(FaceSource):
    """``data.mdb`` in one folder, as ``tools/dataset_converters/convert.py`` writes it.

    Each process maps the file on its first read; the pages are shared by all of them.

    Args:
        root: The folder (or the file).

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is cut, foreign, or of another version.
    """

    def __init__(self, root: str):
        self.root = str(root)
        path = os.path.join(self.root, 'data.mdb') if os.path.isdir(self.root) else self.root
        if not os.path.isfile(path):
            raise FileNotFoundError(f'{path} is missing; an LMDB written by '
                                    'tools/dataset_converters/convert.py is expected there')
        self._path = os.path.realpath(path)
        meta = self._get(b'meta')
        if meta is None:
            raise ValueError(f'{path} is not an LMDB of faces: it has no key "meta" (another '
                             'layout, or a conversion that was cut)')
        meta = json.loads(meta)
        if meta.get('version') != LMDB_VERSION:
            raise ValueError(f'{path} has layout version {meta.get("version")}, this is a reader '
                             f'of version {LMDB_VERSION}')
        self._length, self.num_classes = meta['images'], meta['classes']
        self.people = meta.get('people')

    def _get(self, key: bytes) -> bytes | None:
        pid, env = _ENVIRONMENTS.get(self._path, (None, None))
        if pid != os.getpid():
            if env is not None:
                env.close()  # of the process that forked this one
            env = self._open()
        try:
            with env.begin() as transaction:
                return transaction.get(key)
        except Exception as error:  # lmdb.Error is not importable without lmdb
            raise ValueError(f'{self.root} cannot be read: {error}') from None

    def _open(self):
        env = open_lmdb(self._path, readonly=True, lock=False, readahead=False)
        needed = (env.info()['last_pgno'] + 1) * env.stat()['psize']
        size = os.path.getsize(self._path)
        if size < needed:  # reading on would end the process
            env.close()
            raise ValueError(f'{self._path} was cut: it has {size} of {needed} bytes')
        _ENVIRONMENTS[self._path] = os.getpid(), env
        return env

    def __len__(self) -> int:
        return self._length

    def read(self, index: int) -> tuple[bytes, int]:
        value = self._get(lmdb_key(index)) if 0 <= index < self._length else None
        if value is None:
            raise IndexError(f'{self!r} has no image {index}')
        return value[_LABEL.size:], _LABEL.unpack_from(value)[0]

    def labels(self) -> np.ndarray:
        return np.frombuffer(self._get(b'labels'), '<i8').astype(np.int64)

    def __repr__(self) -> str:
        return f'LMDBFaces({self.root!r}: {self._length} images of {self.num_classes} people)'
