"""Faces in insightface's RecordIO form, read and written without MXNet.

A ``.rec`` file is a row of records: magic 0xced7230a, a word with 3 bits of kind and 29 bits of
length, the payload, zeros up to a multiple of four bytes. A payload that holds the magic at a
multiple of four is written in parts without it (kinds 1 first, 2 middle, 3 last). A payload holds
an image header (flag uint32, label float32, two uint64 ids; ``flag`` further float32 labels
follow), then the encoded image. The ``.idx`` file has a line "key<TAB>offset" for each record. In
the face sets record 0 is a header with label (first key of the identity records, one past the
last); a file without it holds images only. ``property`` reads "classes,height,width".
"""
from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.formats.base import FaceFormat
from lrfr_mm.datasets.sources.base import FaceSource, read_people
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.registry import FORMATS, SOURCES

__all__ = ['RecordIOFaces', 'RecordIOFormat', 'write_record_io']

_MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack('<I', _MAGIC)
_WORDS = struct.Struct('<II')
_HEADER = struct.Struct('<IfQQ')
_FLOAT = struct.Struct('<f')
_LENGTH = (1 << 29) - 1
_FIRST_READ = 1 << 15  # most records of 112 px faces fit
# From here on a float32 no longer holds every whole number.
_EXACT = 1 << 24


def _parse_image(payload: bytes, where: str) -> tuple[float, int, bytes]:
    """First label, number of labels, and image of a payload."""
    if len(payload) < _HEADER.size:
        raise InputError(f'{where}: a record of {len(payload)} bytes has no image header')
    flag, label, _, _ = _HEADER.unpack_from(payload)
    if flag == 0:
        return label, 1, payload[_HEADER.size:]
    end = _HEADER.size + 4 * flag
    if end > len(payload):
        raise InputError(f'{where}: {flag} labels do not fit into {len(payload)} bytes')
    return _FLOAT.unpack_from(payload, _HEADER.size)[0], flag, payload[end:]


def _whole(label: float, where: str) -> int:
    """A float32 label as int."""
    if not label.is_integer() or abs(label) > 2**53:  # NaN and infinity are none
        raise InputError(f'{where}: the label is {label}, a whole number is expected')
    return int(label)


@SOURCES.register_module()
class RecordIOFaces(FaceSource):
    """``train.rec``, ``train.idx`` and ``property`` in one folder (MS1M, Glint360K, ...).

    Each worker opens the file on its first read; offsets lie in one int64 array that forked workers
    share. Labels are read from the records.

    Args:
        root: The folder.
        prefix: Name of the ``.rec`` and ``.idx`` files without their endings.

    Raises:
        InputMissingError: If a file is missing.
        InputError: If a file is not what its name says, or the index lacks an image that the header
            record counts; the text names file and line, key or offset.
    """

    def __init__(self, root: str, prefix: str = 'train'):
        self.root, self.prefix = str(root), prefix
        self._rec = os.path.join(self.root, f'{prefix}.rec')
        self._idx = os.path.join(self.root, f'{prefix}.idx')
        for path in (self._rec, self._idx):
            if not os.path.isfile(path):
                raise InputMissingError(f'{path} is missing; RecordIO faces need {prefix}.rec and '
                                        f'{prefix}.idx in one folder')
        keys, offsets = _read_index(self._idx)
        self._size = os.path.getsize(self._rec)
        if offsets.max() >= self._size or offsets.min() < 0:
            wrong = offsets.max() if offsets.max() >= self._size else offsets.min()
            raise InputError(f'{self._idx} points to byte {wrong}, but {self._rec} has '
                             f'{self._size} bytes: it was cut, or they do not belong together')
        self._file, self._pid = None, None
        order = np.argsort(keys, kind='stable')
        keys, offsets = keys[order], offsets[order]
        twice = np.flatnonzero(keys[1:] == keys[:-1])
        if len(twice):
            raise InputError(f'{self._idx} lists key {keys[twice[0]]} twice')
        place = np.argsort(offsets, kind='stable')
        twice = np.flatnonzero(np.diff(offsets[place]) == 0)
        if len(twice):
            one, two = keys[place[twice[0]:twice[0] + 2]]
            raise InputError(f'{self._idx}: keys {one} and {two} both point to byte '
                             f'{offsets[place[twice[0]]]}')
        self._offsets = self._select_images(keys, offsets)
        if len(self._offsets) == 0:
            raise InputError(f'{self._idx} lists no image')
        self.num_classes = self._read_property()
        self.people = read_people(self.root, self.num_classes)

    def _select_images(self, keys: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Offsets of the images, after a check that the index lost none; ``keys`` are sorted."""
        label, count, image = self._record(0)
        if count > 1 and len(image) == 0:  # the header
            if keys[0] != 0 or offsets[0] != 0:
                raise InputError(f'{self._idx} does not list key 0, the header at byte 0 of '
                                 f'{self._rec}: it lost lines')
            end = self._first_identity(label, keys, offsets)
            images = (keys >= 1) & (keys < end)
            found = keys[images]
            gap = np.flatnonzero(found != np.arange(1, len(found) + 1))
            if len(gap) or len(found) != end - 1:
                missing = int(gap[0]) + 1 if len(gap) else len(found) + 1
                raise InputError(f'{self._idx} lacks key {missing}: the header of {self._rec} '
                                 f'counts images 1 to {end - 1}; the index lost lines')
            return offsets[images]
        # Without a header, what lies between two records, or after the last, was not listed.
        in_file = np.sort(offsets)
        if in_file[0] != 0:
            raise InputError(f'{self._idx} does not list the record at byte 0 of {self._rec}: it '
                             'lost lines')
        after = np.append(in_file[1:], self._size)
        suspicious = np.unique(np.append(np.searchsorted(in_file, offsets[:-1][np.diff(keys) > 1]),
                                         len(in_file) - 1))
        for k in suspicious.tolist():
            end = self._end(int(in_file[k]))
            if end < after[k]:
                raise InputError(f'{self._idx} does not list what {self._rec} holds from byte '
                                 f'{end} on: it lost lines')
        return offsets

    def _first_identity(self, stated: float, keys: np.ndarray, offsets: np.ndarray) -> int:
        """Key of the first identity record, one past the last image's.

        The header states it as float32. Where that cannot hold it exactly, the records near the
        stated key decide: those of identities have no image.
        """
        if not (stated.is_integer() and 1 <= stated < 2**53):
            raise InputError(f'{self._rec}, byte 0: the header counts images to {stated}')
        if stated < _EXACT:
            return int(stated)
        step = int(np.spacing(np.float32(stated)))
        first, last = np.searchsorted(keys, [stated - step, stated + step + 1])
        for key, offset in zip(keys[first:last].tolist(), offsets[first:last].tolist(),
                               strict=True):
            if len(self._record(offset)[2]) == 0:
                return key
        return int(stated) + step + 1 if last < len(keys) else int(keys[-1]) + 1

    def _read_property(self) -> int:
        path = Path(self.root, 'property')
        if path.is_file():
            first = path.read_bytes()[:1000].split(b',')[0].strip()
            if not first.isdigit() or not 1 <= int(first) < 2**53:
                raise InputError(f'{path} should start with the number of classes, '
                                 f'it starts with {first[:40].decode(errors="replace")!r}')
            return int(first)
        return int(self.labels().max()) + 1

    def _handle(self) -> int:
        if self._pid != os.getpid():  # a forked worker must not share the parent's file
            self._file, self._pid = os.open(self._rec, os.O_RDONLY), os.getpid()
        return self._file

    def _part(self, offset: int, first: int = _FIRST_READ) -> tuple[int, bytes]:
        """Kind and bytes of the part of a record at ``offset``; raises InputError."""
        raw = os.pread(self._handle(), first, offset)
        if len(raw) < 8:
            raise InputError(f'{self._rec}, byte {offset}: the file ends inside a record')
        magic, word = _WORDS.unpack_from(raw)
        length = word & _LENGTH
        if magic != _MAGIC:
            raise InputError(f'{self._rec}, byte {offset}: no record starts here (magic '
                             f'{magic:#x})')
        if offset + 8 + length > self._size:
            raise InputError(f'{self._rec}, byte {offset}: the file ends inside a record of '
                             f'{length} bytes')
        if 8 + length > len(raw):
            raw += os.pread(self._handle(), 8 + length - len(raw), offset + len(raw))
        return word >> 29, raw[8:8 + length]

    def _payload(self, offset: int) -> bytes:
        """Payload of the record at ``offset``, its parts joined; raises InputError."""
        kind, data = self._part(offset)
        if kind == 0:
            return data
        if kind != 1:
            raise InputError(f'{self._rec}, byte {offset}: a record starts with a part of kind '
                             f'{kind}')
        parts, at = [data], offset
        while kind != 3:
            at += 8 + len(parts[-1]) + -len(parts[-1]) % 4
            kind, data = self._part(at)
            if kind not in (2, 3):
                raise InputError(f'{self._rec}, byte {at}: a part of kind {kind} inside the record '
                                 f'of byte {offset}')
            parts.append(data)
        return _MAGIC_BYTES.join(parts)

    def _end(self, offset: int) -> int:
        """Where the record at ``offset`` ends, its parts and its padding included."""
        kind = 1
        while kind in (1, 2):
            kind, data = self._part(offset)
            offset += 8 + len(data) + -len(data) % 4
        return offset

    def _record(self, offset: int) -> tuple[float, int, bytes]:
        return _parse_image(self._payload(offset), f'{self._rec}, byte {offset}')

    def __len__(self) -> int:
        return len(self._offsets)

    def read(self, index: int) -> tuple[bytes, int]:
        offset = int(self._offsets[index])
        label, _, image = self._record(offset)
        return image, _whole(label, f'{self._rec}, byte {offset}')

    def labels(self) -> np.ndarray:
        handle, size = self._handle(), 8 + _HEADER.size + 4
        out = np.empty(len(self), np.int64)
        for i, offset in enumerate(self._offsets.tolist()):
            raw = os.pread(handle, size, offset)
            if len(raw) < size or _WORDS.unpack_from(raw)[0] != _MAGIC or (
                    _WORDS.unpack_from(raw)[1] >> 29):  # damaged, or in parts
                label = self._record(offset)[0]
            else:
                flag, label, _, _ = _HEADER.unpack_from(raw, 8)
                if flag:
                    label = _FLOAT.unpack_from(raw, 8 + _HEADER.size)[0]
            out[i] = _whole(label, f'{self._rec}, byte {offset}')
        return out

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_file': None, '_pid': None}

    def __repr__(self) -> str:
        return f'RecordIOFaces({self._rec!r}: {len(self)} images of {self.num_classes} people)'


def _read_index(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Keys and offsets of an ``.idx`` file, int64 (N,); half a second for 5.8 million lines."""
    if os.path.getsize(path) == 0:
        raise InputError(f'{path} lists no record')
    try:
        table = np.loadtxt(path, np.int64, comments=None, ndmin=2, encoding='ascii')
        if table.shape[1] != 2:
            raise ValueError
    except (ValueError, OverflowError):
        with open(path, 'rb') as file:
            for number, line in enumerate(file, 1):
                parts = line.split()
                if line.strip() and not (len(parts) == 2 and all(
                        p.isdigit() and len(p) < 19 for p in parts)):
                    raise InputError(f'{path}, line {number}: "key<TAB>offset" expected, '
                                     f'got {line[:60]!r}') from None
        raise InputError(f'{path} lists no record') from None
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


def write_record_io(root: str, source: FaceSource, prefix: str = 'train', size: int = 112,
                    progress=None) -> None:
    """Write ``source`` as RecordIO in this process; the files appear only when all is written.

    :func:`lrfr_mm.datasets.convert.convert` does it on several processes and goes on after a kill.

    Args:
        root: Folder, made if missing.
        source: Anything with ``read(i)`` giving encoded bytes.
        prefix: Name of the files without their endings.
        size: Image side that ``property`` states, px.
        progress: Called with the number of images written so far.

    Raises:
        InputError: If the source gives arrays, which would have to be encoded, or a label that
            RecordIO's float32 cannot hold.
    """
    folder = Path(root)
    with whole_file(folder / f'{prefix}.rec') as rec_part, \
            whole_file(folder / f'{prefix}.idx') as idx_part:
        with open(rec_part, 'wb') as rec, open(idx_part, 'w') as idx:
            writer = _Writer(rec, idx, len(source), source.num_classes)
            for i in range(len(source)):
                image, label = source.read(i)
                writer.image(_image_payload(i, image, label, f'{source}, image {i}'), label)
                if progress is not None:
                    progress(i + 1)
            writer.identities()
        write_text(folder / 'property', f'{source.num_classes},{size},{size}\n')


def _image_payload(position: int, image: bytes, label: int, where: str) -> bytes:
    if isinstance(image, np.ndarray):
        raise InputError(f'{where}: pixels, not an encoded image')
    if int(np.float32(label)) != label:
        raise InputError(f'{where}: RecordIO keeps labels as float32, which cannot hold {label}')
    return _HEADER.pack(0, float(label), position + 1, 0) + image


def _write_record(rec, payload: bytes) -> None:
    """One record, in parts where the payload holds the magic at a multiple of four."""
    parts, start, at = [], 0, payload.find(_MAGIC_BYTES)
    while at >= 0:
        if at % 4 == 0:
            parts.append(payload[start:at])
            start = at + 4
            at = payload.find(_MAGIC_BYTES, start)
        else:
            at = payload.find(_MAGIC_BYTES, at + 1)
    parts.append(payload[start:])
    for k, part in enumerate(parts):
        kind = 0 if len(parts) == 1 else 1 if k == 0 else 3 if k == len(parts) - 1 else 2
        rec.write(_WORDS.pack(_MAGIC, kind << 29 | len(part)) + part + bytes(-len(part) % 4))


class _Writer:
    """Puts the records of a set, given in order, into open ``.rec`` and ``.idx`` files.

    Images have keys 1 to N; identity records, each with the keys of a person's first image and one
    past the last, N + 1 to N + C. Record 0 says where both end. All three are float32: where that
    cannot hold the keys, the set is written without them, images from key 0 on.
    """

    def __init__(self, rec, idx, images: int, classes: int):
        self.rec, self.idx, self.count, self.classes = rec, idx, images, classes
        self.labels: list[int] = []
        self.has_header = images + 1 + classes < _EXACT
        if self.has_header:
            self._put(0, 2, images + 1, images + 1 + classes)

    def _put(self, key: int, flag: int, *numbers: int) -> None:
        self.idx.write(f'{key}\t{self.rec.tell()}\n')
        _write_record(self.rec, _HEADER.pack(flag, 0., 0, 0) + struct.pack('<2f', *numbers))

    def image(self, payload: bytes, label: int) -> None:
        self.idx.write(f'{len(self.labels) + self.has_header}\t{self.rec.tell()}\n')
        self.labels.append(label)
        _write_record(self.rec, payload)

    def identities(self) -> None:
        """The identity records; where people's images do not lie together they span nothing."""
        if not self.has_header:
            return
        labels = np.array(self.labels)
        together = bool((np.diff(labels) >= 0).all())
        starts = (np.searchsorted(labels, np.arange(self.classes + 1)) + 1 if together
                  else np.ones(self.classes + 1, int))
        for person in range(self.classes):
            self._put(self.count + 1 + person, 2, starts[person], starts[person + 1])


@FORMATS.register_module('recordio')
class RecordIOFormat(FaceFormat):
    """``train.rec``, ``train.idx``, ``property`` and ``people.txt``."""

    reader = RecordIOFaces
    files = 'train.rec with its train.idx'

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return (path / 'train.idx').is_file()

    def write_chunk(self, start: int, stop: int, path: Path) -> None:
        with open(path, 'wb') as file:
            for i, image, label, _ in self.items(start, stop):
                payload = _image_payload(i, image, label, f'{self.source}, image {i}')
                file.write(struct.pack('<qq', len(payload), label) + payload)

    def finish(self, chunks: list[Path], counts: list[int]) -> None:
        with whole_file(self.folder / 'train.rec') as rec_part, \
                whole_file(self.folder / 'train.idx') as idx_part, \
                open(rec_part, 'wb') as rec, open(idx_part, 'w') as idx:
            writer = _Writer(rec, idx, len(self.source), self.source.num_classes)
            for path in chunks:
                for payload, label in _read_chunk(path):
                    writer.image(payload, label)
            writer.identities()
        write_text(self.folder / 'property',
                   f'{self.source.num_classes},{self.size},{self.size}\n')
        self.write_people()


def _read_chunk(path: Path) -> Iterator[tuple[bytes, int]]:
    """Payloads and labels of a chunk of RecordIOFormat."""
    with open(path, 'rb') as file:
        while head := file.read(16):
            length, label = struct.unpack('<qq', head)
            yield file.read(length), label
