"""Faces in insightface's RecordIO form, read and written without MXNet.

A ``.rec`` file is a row of records: magic 0xced7230a, a word with 3 bits of kind and 29 bits of
length, the payload, zeros up to a multiple of four bytes. A payload holds an image header (flag
uint32, label float32, two uint64 ids; ``flag`` further float32 labels follow), then the encoded
image. The ``.idx`` file has a line "key<TAB>offset" for each record. In the face sets record 0
is a header with label (first key of the identity records, one past the last); a file without
it holds images only. ``property`` reads "classes,height,width".
"""
from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.sources.base import FaceSource, read_people
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.registry import SOURCES

__all__ = ['RecordIOFaces', 'write_record_io']

_MAGIC = 0xCED7230A
_WORDS = struct.Struct('<II')
_HEADER = struct.Struct('<IfQQ')


def _parse_record(raw: bytes, where: str) -> bytes:
    """Payload of the record that ``raw`` starts with; ValueError if it is not a whole one."""
    if len(raw) < 8:
        raise ValueError(f'{where}: the file ends inside a record')
    magic, word = _WORDS.unpack_from(raw)
    if magic != _MAGIC:
        raise ValueError(f'{where}: no record starts here (magic {magic:#x})')
    kind, length = word >> 29, word & ((1 << 29) - 1)
    if kind:
        raise ValueError(f'{where}: split records (kind {kind}) are not supported')
    if len(raw) < 8 + length:
        raise ValueError(f'{where}: the file ends inside a record of {length} bytes')
    return raw[8:8 + length]


def _parse_image(payload: bytes, where: str) -> tuple[np.ndarray, bytes]:
    """Labels (float32) and image of a payload."""
    if len(payload) < _HEADER.size:
        raise ValueError(f'{where}: a record of {len(payload)} bytes has no image header')
    flag, label, _, _ = _HEADER.unpack_from(payload)
    end = _HEADER.size + 4 * flag
    if flag == 0:
        return np.array([label], np.float32), payload[end:]
    if end > len(payload):
        raise ValueError(f'{where}: {flag} labels do not fit into {len(payload)} bytes')
    return np.frombuffer(payload, '<f4', flag, _HEADER.size), payload[end:]


@SOURCES.register_module()
class RecordIOFaces(FaceSource):
    """``train.rec``, ``train.idx`` and ``property`` in one folder (MS1M, Glint360K, ...).

    Each worker opens the file on its first read; offsets lie in one int64 array that forked workers
    share. Labels are read from the records.

    Args:
        root: The folder.
        prefix: Name of the ``.rec`` and ``.idx`` files without their endings.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not what its name says; the text names file and line or offset.
    """

    def __init__(self, root: str, prefix: str = 'train'):
        self.root, self.prefix = str(root), prefix
        self._rec = os.path.join(self.root, f'{prefix}.rec')
        index = os.path.join(self.root, f'{prefix}.idx')
        for path in (self._rec, index):
            if not os.path.isfile(path):
                raise FileNotFoundError(f'{path} is missing; RecordIO faces need {prefix}.rec and '
                                        f'{prefix}.idx in one folder')
        keys, offsets = _read_index(index)
        size = os.path.getsize(self._rec)
        if offsets.max() >= size:
            raise ValueError(f'{index} points to byte {offsets.max()}, but {self._rec} has '
                             f'{size} bytes: it was cut, or they do not belong together')
        self._file, self._pid = None, None
        order = np.argsort(keys, kind='stable')
        keys, offsets = keys[order], offsets[order]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if len(twice):
            raise ValueError(f'{index} lists key {keys[twice[0]]} twice')
        self._offsets = offsets[:1]
        labels, image = self._record(0)
        if keys[0] == 0 and len(labels) > 1 and len(image) == 0:
            keep = (keys >= 1) & (keys < int(labels[0]))
            offsets = offsets[keep]
        if len(offsets) == 0:
            raise ValueError(f'{index} lists no image')
        self._offsets = offsets
        self.num_classes = self._read_property()
        self.people = read_people(self.root, self.num_classes)

    def _read_property(self) -> int:
        path = Path(self.root, 'property')
        if path.is_file():
            first = path.read_text().split(',')[0].strip()
            if not first.isdigit() or int(first) < 1:
                raise ValueError(f'{path} should start with the number of classes, '
                                 f'it starts with {first!r}')
            return int(first)
        return int(self.labels().max()) + 1

    def _handle(self):
        if self._pid != os.getpid():  # a forked worker must not share the parent's file
            self._file, self._pid = os.open(self._rec, os.O_RDONLY), os.getpid()
        return self._file

    def _record(self, position: int) -> tuple[np.ndarray, bytes]:
        offset = int(self._offsets[position])
        where = f'{self._rec}, byte {offset}'
        raw = os.pread(self._handle(), 1 << 15, offset)
        if len(raw) >= 8:
            length = 8 + (_WORDS.unpack_from(raw)[1] & ((1 << 29) - 1))
            if length > len(raw) and _WORDS.unpack_from(raw)[0] == _MAGIC:
                raw += os.pread(self._handle(), length - len(raw), offset + len(raw))
        return _parse_image(_parse_record(raw, where), where)

    def __len__(self) -> int:
        return len(self._offsets)

    def read(self, index: int) -> tuple[bytes, int]:
        labels, image = self._record(index)
        return image, int(labels[0])

    def labels(self) -> np.ndarray:
        handle = self._handle()
        out = np.empty(len(self), np.int64)
        for i, offset in enumerate(self._offsets.tolist()):
            raw = os.pread(handle, 8 + _HEADER.size + 4, offset)
            where = f'{self._rec}, byte {offset}'
            if len(raw) < 8 + _HEADER.size or _WORDS.unpack_from(raw)[0] != _MAGIC:
                raise ValueError(f'{where}: no record starts here')
            flag, label, _, _ = _HEADER.unpack_from(raw, 8)
            out[i] = int(label if flag == 0 else struct.unpack_from('<f', raw, 32)[0])
        return out

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_file': None, '_pid': None}

    def __repr__(self) -> str:
        return f'RecordIOFaces({self._rec!r}: {len(self)} images of {self.num_classes} people)'


def _read_index(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Keys and offsets of an ``.idx`` file, int64 (N,); half a second for 5.8 million lines."""
    if os.path.getsize(path) == 0:
        raise ValueError(f'{path} lists no record')
    try:
        table = np.loadtxt(path, np.int64, comments=None, ndmin=2)
        if table.shape[1] != 2:
            raise ValueError
    except ValueError:
        with open(path, 'rb') as file:
            for number, line in enumerate(file, 1):
                parts = line.split()
                if line.strip() and not (len(parts) == 2 and all(p.isdigit() for p in parts)):
                    raise ValueError(f'{path}, line {number}: "key<TAB>offset" expected, '
                                     f'got {line[:60]!r}') from None
        raise ValueError(f'{path} lists no record') from None
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def write_record_io(root: str, source: FaceSource, prefix: str = 'train', size: int = 112,
                    progress=None) -> None:
    """Write ``source`` as RecordIO; the files appear only when all is written.

    Args:
        root: Folder, made if missing.
        source: Anything with ``read(i)`` giving encoded bytes.
        prefix: Name of the files without their endings.
        size: Image side that ``property`` states, px.
        progress: Called with the number of images written so far.

    Raises:
        ValueError: If the source gives arrays, which would have to be encoded, or a label that
            RecordIO's float32 cannot hold.
    """
    folder = Path(root)
    with whole_file(folder / f'{prefix}.rec') as rec_part, \
            whole_file(folder / f'{prefix}.idx') as idx_part:
        with open(rec_part, 'wb') as rec, open(idx_part, 'w') as idx:
            write_header(rec, idx, len(source), source.num_classes)
            for i in range(len(source)):
                image, label = source.read(i)
                write_image(rec, idx, i, image, label, f'{source}, image {i}')
                if progress is not None:
                    progress(i + 1)
            write_identities(rec, idx, source.labels(), source.num_classes)
        write_text(folder / 'property', f'{source.num_classes},{size},{size}\n')


# Images have keys 1 to N; identity records, each with the keys of a person's first image and one
# past the last, N + 1 to N + C. Record 0 says where both end.
def write_header(rec, idx, images: int, classes: int) -> None:
    """Record 0."""
    bounds = struct.pack('<2f', images + 1, images + 1 + classes)
    _write(rec, idx, 0, _HEADER.pack(2, 0., 0, 0) + bounds)


def write_image(rec, idx, position: int, image: bytes, label: int, where: str) -> None:
    """Record of image ``position``; ``where`` names it in an error."""
    if isinstance(image, np.ndarray):
        raise ValueError(f'{where}: pixels, not an encoded image')
    if int(np.float32(label)) != label:
        raise ValueError(f'{where}: RecordIO keeps labels as float32, which cannot hold {label}')
    _write(rec, idx, position + 1, _HEADER.pack(0, float(label), position + 1, 0) + image)


def write_identities(rec, idx, labels: np.ndarray, classes: int) -> None:
    """Identity records; where people's images do not lie together they span nothing."""
    together = bool((np.diff(labels) >= 0).all())
    starts = np.searchsorted(labels, np.arange(classes + 1)) + 1 if together else np.ones(
        classes + 1, int)
    for person in range(classes):
        span = struct.pack('<2f', starts[person], starts[person + 1])
        _write(rec, idx, len(labels) + 1 + person, _HEADER.pack(2, 0., 0, 0) + span)


def _write(rec, idx, key: int, payload: bytes) -> None:
    idx.write(f'{key}\t{rec.tell()}\n')
    rec.write(_WORDS.pack(_MAGIC, len(payload)) + payload + bytes(-len(payload) % 4))
