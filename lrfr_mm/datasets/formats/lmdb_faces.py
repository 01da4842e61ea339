"""Faces in one LMDB file: random access through the page cache, shared by all processes.

Layout: key = position as 8 bytes big-endian, value = label as 8 bytes little-endian, then the
encoded image. Key ``labels`` holds all labels (int64, little-endian), key ``meta`` a JSON text with
the layout's version, the number of images and of classes.
"""
from __future__ import annotations

import errno
import json
import operator
import os
import struct
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.formats.base import FaceFormat
from lrfr_mm.datasets.sources.base import FaceSource, check_people
from lrfr_mm.errors import (
    InputError,
    InputMissingError,
    MissingDependencyError,
    OutputError,
    reading,
)
from lrfr_mm.registry import FORMATS, SOURCES

__all__ = ['LMDBFaces', 'LMDBFormat', 'lmdb_key', 'lmdb_value', 'open_lmdb']

LMDB_VERSION = 1
# Path to (process, environment, state of the file): a process may open a file once, and must not
# use what was opened before it was forked.
_ENVIRONMENTS: dict = {}
_LABEL = struct.Struct('<q')
_LMDB_MAGIC = 0xBEEFC0DE
# Header of the page; magic, version, map address, map size; the tree of free pages (its first word
# is the page size) and the main tree (after its pad, flags); last page, transaction number.
_META = struct.Struct('<16xIIQQI44x4xH42xQQ')
_PAGE_SIZE, _FLAGS, _LAST = 4, 5, 6
# Bytes after the last page. A damaged offset or length inside a page then still points into the
# file; a page that is mapped and not there would end the process.
_TAIL = 1 << 16


def lmdb_key(index: int) -> bytes:
    """Key of image ``index``."""
    return struct.pack('>Q', index)


def lmdb_value(image: bytes, label: int) -> bytes:
    """Value of an image."""
    return _LABEL.pack(label) + image


def open_lmdb(path: str, **options):
    """An LMDB environment.

    Raises:
        MissingDependencyError: Without the package lmdb.
        InputError: If the file is no LMDB; the text names it.
    """
    try:
        import lmdb
    except ImportError:
        raise MissingDependencyError('LMDB needs `pip install lmdb`') from None
    with reading(f'{path} is not an LMDB of faces'):
        return lmdb.open(path, subdir=os.path.isdir(path), **options)


def _check_size(path: str) -> None:
    """Refuse a file that its header pages do not describe or that was cut.

    LMDB maps the file and trusts it: a page that is not there ends the process (SIGBUS). Both meta
    pages (MDB_meta at byte 16 of pages 0 and 1) state the page size, the roots and the last page.
    """
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        first = file.read(_META.size)
        file.seek(_META.unpack(first)[_PAGE_SIZE] if len(first) == _META.size else 0)
        second = file.read(_META.size)
    for meta in (first, second):
        if len(meta) < _META.size or _META.unpack(meta)[:2] != (_LMDB_MAGIC, 1) or (
                _META.unpack(meta)[_FLAGS]):
            raise InputError(f'{path} is not an LMDB of faces: its header is cut or foreign')
    page = _META.unpack(first)[_PAGE_SIZE]
    if page < 512 or page > 1 << 16 or page & (page - 1):
        raise InputError(f'{path} is not an LMDB of faces: pages of {page} bytes')
    needed = (max(_META.unpack(meta)[_LAST] for meta in (first, second)) + 1) * page
    if size < needed:
        raise InputError(f'{path} was cut: it has {size} of {needed} bytes')
    if size % page:  # the last pages may be spare ones (see _TAIL), but they are whole
        raise InputError(f'{path} was cut: {size} bytes are no whole number of pages')


def _state(path: str) -> tuple[int, int, int]:
    """What tells a file from one that took its place."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


@SOURCES.register_module()
class LMDBFaces(FaceSource):
    """``data.mdb`` in one folder, as ``tools/dataset_converters/convert.py`` writes it.

    Each process maps the file on its first read; the pages are shared by all of them.

    Args:
        root: The folder (or the file).

    Raises:
        InputMissingError: If it is missing.
        InputError: If it is cut, foreign, or of another version.
        MissingDependencyError: Without the package lmdb.
    """

    def __init__(self, root: str):
        self.root = str(root)
        path = os.path.join(self.root, 'data.mdb') if os.path.isdir(self.root) else self.root
        if not os.path.isfile(path):
            raise InputMissingError(f'{path} is missing; an LMDB written by '
                                    'tools/dataset_converters/convert.py is expected there')
        self._path = os.path.realpath(path)
        _check_size(self._path)
        known = _ENVIRONMENTS.get(self._path)
        if known is not None and known[2] != _state(self._path):  # another file has taken its place
            _ENVIRONMENTS.pop(self._path)[1].close()
        self._longest = os.path.getsize(path)
        meta = self._get(b'meta')
        if meta is None:
            raise InputError(f'{path} is not an LMDB of faces: it has no key "meta" (another '
                             'layout, or a conversion that was cut)')
        with reading(f'{path}, key "meta"'):
            meta = json.loads(meta)
            version = meta.get('version')
            if version == LMDB_VERSION:
                self._length = operator.index(meta['images'])
                self.num_classes = operator.index(meta['classes'])
                # Files of older converters do not state it.
                self._longest = operator.index(meta.get('longest', os.path.getsize(path)))
        if version != LMDB_VERSION:
            raise InputError(f'{path} has layout version {version}, this is a reader of version '
                             f'{LMDB_VERSION}')
        if meta.get('people') is not None:
            self.people = check_people(meta['people'], self.num_classes, f'{path}, key "meta"')

    def _get(self, key: bytes) -> bytes | None:
        pid, env, _ = _ENVIRONMENTS.get(self._path, (None, None, None))
        if pid != os.getpid():
            if env is not None:
                env.close()  # of the process that forked this one
            _check_size(self._path)
            env = open_lmdb(self._path, readonly=True, lock=False, readahead=False)
            _ENVIRONMENTS[self._path] = os.getpid(), env, _state(self._path)
        try:
            with env.begin(buffers=True) as transaction:
                value = transaction.get(key)
                if value is None:
                    return None
                if len(value) > self._longest and key not in (b'labels', b'meta'):
                    raise ValueError(f'a value of {len(value)} bytes')
                return bytes(value)
        except Exception as error:  # lmdb.Error is not importable without lmdb
            raise InputError(f'{self._path} is damaged: {error}') from error

    def __len__(self) -> int:
        return self._length

    def read(self, index: int) -> tuple[bytes, int]:
        value = self._get(lmdb_key(index)) if 0 <= index < self._length else None
        if value is None:
            if 0 <= index < self._length:
                raise InputError(f'{self._path} is damaged: image {index} is not in it')
            raise IndexError(f'{self!r} has no image {index}')
        if len(value) < _LABEL.size:
            raise InputError(f'{self._path} is damaged: image {index} has {len(value)} bytes')
        return value[_LABEL.size:], _LABEL.unpack_from(value)[0]

    def labels(self) -> np.ndarray:
        data = self._get(b'labels')
        if data is None or len(data) != 8 * self._length:
            raise InputError(f'{self._path} is damaged: the key "labels" does not hold '
                             f'{self._length} labels')
        return np.frombuffer(data, '<i8').astype(np.int64)

    def __repr__(self) -> str:
        return f'LMDBFaces({self.root!r}: {self._length} images of {self.num_classes} people)'


@FORMATS.register_module('lmdb')
class LMDBFormat(FaceFormat):
    """``data.mdb``: workers write values end to end, one process puts them into the database."""

    reader = LMDBFaces
    files = 'data.mdb'

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return (path / 'data.mdb').is_file() or (path.suffix == '.mdb' and path.is_file())

    def write_chunk(self, start: int, stop: int, path: Path) -> None:
        values = [lmdb_value(image, label) for _, image, label, _ in self.items(start, stop)]
        with open(path, 'wb') as file:
            file.write(np.array([len(values), *map(len, values)], '<i8').tobytes())
            file.writelines(values)

    def finish(self, chunks: list[Path], counts: list[int]) -> None:
        size = sum(path.stat().st_size for path in chunks)
        target = self.folder / 'data.mdb'
        target.unlink(missing_ok=True)
        try:
            self._write(target, chunks, size)
        except Exception as error:
            if type(error).__module__.partition('.')[0] != 'lmdb':
                raise
            raise OutputError(errno.EIO, f'cannot be written: {error}', str(target)) from error

    def _write(self, target: Path, chunks: list[Path], size: int) -> None:
        # Written as a file, not through the map: a full disk is then an error, not a signal.
        env = open_lmdb(str(self.folder), map_size=2 * size + (1 << 30), lock=False, sync=False)
        labels, longest = [], 0
        for path in chunks:
            with open(path, 'rb') as file, env.begin(write=True) as transaction:
                count = int.from_bytes(file.read(8), 'little')
                for length in np.frombuffer(file.read(8 * count), '<i8').tolist():
                    value = file.read(length)
                    transaction.put(lmdb_key(len(labels)), value, append=True)
                    labels.append(_LABEL.unpack_from(value)[0])
                    longest = max(longest, length)
        meta = dict(version=LMDB_VERSION, images=len(labels), classes=self.source.num_classes,
                    longest=longest, people=self.source.people)
        with env.begin(write=True) as transaction:
            transaction.put(b'labels', np.array(labels, '<i8').tobytes())
            transaction.put(b'meta', json.dumps(meta).encode())
        env.sync(True)
        used, page = env.info()['last_pgno'] + 1, env.stat()['psize']
        env.close()
        os.truncate(target, used * page + max(longest, _TAIL))
