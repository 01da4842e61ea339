"""Faces in tar shards, read as a stream: from a disk, over HTTP, or out of a pipe."""
from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.formats.base import FaceFormat
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES
from lrfr_mm.datasets.sources.base import FaceSource, check_people
from lrfr_mm.errors import InputError, InputMissingError, MissingDependencyError, reading
from lrfr_mm.files import safe_component, write_text
from lrfr_mm.registry import FORMATS, SOURCES

__all__ = ['SHARD_INDEX', 'ShardFaces', 'ShardFormat', 'import_webdataset']

SHARD_INDEX = 'shards.json'
_IMAGE_PARTS = tuple(suffix[1:] for suffix in IMAGE_SUFFIXES)
_MAX_MEMBER = 1 << 27  # bytes; a damaged length must not ask for all memory


def import_webdataset():
    """The webdataset package; MissingDependencyError says what to install."""
    try:
        import webdataset
    except ImportError:
        raise MissingDependencyError('tar shards need `pip install webdataset`') from None
    return webdataset


@SOURCES.register_module()
class ShardFaces(FaceSource):
    """WebDataset tar shards: ``KEY.jpg`` and ``KEY.cls`` (the label in digits) for each face.

    A key is a member's name, its directories included, up to the first dot after the last '/'.
    Endings count in either case; members whose file name begins with a dot do not count.

    A stream has no random access. :meth:`stream` gives an epoch's samples in an order that depends
    on (seed, epoch) alone: the shards are permuted and laid end to end, the row is cut into equal
    parts, one a worker, and each part passes a shuffling buffer. No sample is lost or repeated,
    whatever the number of shards; a worker reads at most one shard that is not all its own at
    either end. :meth:`read` works in order, for converters and audits.

    Args:
        urls: A folder with ``shards.json`` (as the converter writes it); or names of shards, each a
            path, ``http(s)://...`` or ``pipe:command``, a ``{000..099}`` in a name standing for
            all of its numbers.
        counts: Samples in each shard; needed where no ``shards.json`` lies beside them.
        num_classes: Needed likewise.
        shuffle_buffer: Samples from which the next is drawn. With 10,000 of 8 KB it holds 80 MB
            a worker.

    Raises:
        InputMissingError: If a folder has no ``shards.json``, or a local shard is missing.
        InputError: If counts do not fit, or a shard is cut or foreign (when it is read).
        MissingDependencyError: Without the package webdataset.
    """

    streaming = True

    def __init__(self, urls: str | Sequence[str], counts: Sequence[int] | None = None,
                 num_classes: int | None = None, shuffle_buffer: int = 10000):
        import_webdataset()
        self.where, counts_given = str(urls), counts is not None
        self.shuffle_buffer = shuffle_buffer
        if isinstance(urls, (str, os.PathLike)) and os.path.isdir(urls):
            urls, counts, num_classes, self.people = _read_index(str(urls))
            self.urls = urls
        else:
            from braceexpand import braceexpand
            names = [urls] if isinstance(urls, (str, os.PathLike)) else list(urls)
            self.urls = [url for name in names for url in braceexpand(str(name))]
        if counts is None or num_classes is None:
            raise InputMissingError(f'{self.where} is not a folder with {SHARD_INDEX}: give counts '
                                    '(samples of each shard) and num_classes')
        with reading(f'{self.where}: counts'):
            self.counts = np.array([operator.index(count) for count in counts], np.int64)
        if len(self.counts) and self.counts.min() < 0:
            raise InputError(f'{self.where}: a shard with {self.counts.min()} samples')
        if len(self.counts) != len(self.urls):
            raise InputError(f'{len(self.counts)} counts for {len(self.urls)} shards')
        for url in self.urls:
            if '://' not in url and not url.startswith('pipe:') and not os.path.isfile(url):
                listed = '' if counts_given else f', which {SHARD_INDEX} lists,'
                raise InputMissingError(f'shard {str(url)!r}{listed} is missing')
        self.num_classes = int(num_classes)
        self._reader, self._next = None, 0

    def __len__(self) -> int:
        return int(self.counts.sum())

    def _shard(self, number: int) -> Iterator[tuple[bytes, int]]:
        """Images and labels of a shard, in order; checks that they are as many as announced."""
        url, seen = self.urls[number], 0
        try:
            with import_webdataset().gopen(url) as stream:
                for key, parts in _tar_samples(stream):
                    image = next((parts[s] for s in _IMAGE_PARTS if s in parts), None)
                    if image is None or 'cls' not in parts:
                        raise ValueError(f'{key} lacks an image or its label (.cls)')
                    if not parts['cls'].strip().isdigit() or len(parts['cls']) > 20:
                        raise ValueError(f'{key}.cls is no label: {parts["cls"][:20]!r}')
                    seen += 1
                    yield image, int(parts['cls'])
        except GeneratorExit:
            raise
        except Exception as error:  # a network, a command or a foreign file fail in many ways
            raise InputError(f'shard {url}, after {seen} samples: {error}') from error
        if seen != self.counts[number]:
            raise InputError(f'shard {url} has {seen} samples, {self.counts[number]} are announced')

    def _segment(self, order: np.ndarray, start: int, stop: int) -> Iterator[tuple]:
        """Positions start to stop of the shards laid end to end in ``order``; yields (position in
        the whole set, image, label)."""
        first_of = np.cumsum([0, *self.counts[:-1]])
        begin = 0
        for number in order.tolist():
            count = int(self.counts[number])
            if begin + count > start and begin < stop:
                for k, (image, label) in enumerate(self._shard(number)):
                    if begin + k >= stop:
                        break
                    if begin + k >= start:
                        yield int(first_of[number]) + k, image, label
            begin += count

    def stream(self, seed: int, epoch: int, start: int, stop: int, skip: int = 0,
               shuffle: bool = True) -> Iterator[tuple[int, bytes, int]]:
        """Part of an epoch: (position in the set, encoded image, label), shuffled.

        Args:
            seed, epoch: Decide the order.
            start, stop: The part, in the row of permuted shards.
            skip: Samples that an interrupted run has used of this part already: they are read
                again, but not given out.
            shuffle: Draw the order; else the shards' own.
        """
        rng = np.random.default_rng([seed, epoch, 2])
        order = np.arange(len(self.urls))
        if shuffle:
            order = rng.permutation(order)
        inside = np.random.default_rng([seed, epoch, 3, start])
        samples = self._segment(order, start, stop)
        if shuffle and self.shuffle_buffer > 1:
            samples = _buffered(samples, self.shuffle_buffer, inside)
        for position, sample in enumerate(samples):
            if position >= skip:
                yield sample

    def read(self, index: int) -> tuple[bytes, int]:
        if not 0 <= index < len(self):
            raise IndexError(f'{self!r} has no image {index}')
        if self._reader is None or index < self._next:
            self._reader = self._segment(np.arange(len(self.urls)), index, len(self))
            self._next = index
        while self._next <= index:
            _, image, label = next(self._reader)
            self._next += 1
        return image, label

    def labels(self) -> np.ndarray:
        return np.array([label for _, _, label in
                         self._segment(np.arange(len(self.urls)), 0, len(self))], np.int64)

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_reader': None, '_next': 0}

    def __repr__(self) -> str:
        return (f'ShardFaces({self.where!r}: {len(self)} images of {self.num_classes} people in '
                f'{len(self.urls)} shards)')


def _read_index(folder: str):
    path = os.path.join(folder, SHARD_INDEX)
    if not os.path.isfile(path):
        raise InputMissingError(f'{path} is missing; tools/dataset_converters/convert.py writes it')
    with reading(f'{path} is not an index of shards'):
        with open(path, encoding='utf-8') as file:
            index = json.load(file)
        if index['version'] != 1:
            raise ValueError(f'version {index["version"]}, this is a reader of version 1')
        missing = [key for key in ('shards', 'counts', 'classes') if key not in index]
        if missing:
            raise ValueError(f'it has no {" and no ".join(missing)}')
        names, classes = index['shards'], operator.index(index['classes'])
        if not isinstance(names, list) or len(names) != len(index['counts']):
            raise ValueError(f'{len(index["counts"])} counts for {len(names)} shards')
    for number, name in enumerate(names, 1):
        safe_component(str(name), f'{path}, shard {number}')
    people = index.get('people')
    if people is not None:
        people = check_people(people, classes, path)
    return [os.path.join(folder, str(name)) for name in names], index['counts'], classes, people


def _tar_samples(stream) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Consecutive members of a tar stream with the same key, by their endings in lower case.

    (webdataset's convention. Python's tarfile would cost as much time as decoding the JPEGs.)
    """
    key, parts = None, {}
    for name, data in _tar_members(stream):
        start = name.rfind('/') + 1
        dot = name.find('.', start)
        if dot == start:  # hidden: '._0001.jpg' is macOS's description of '0001.jpg'
            continue
        base, suffix = (name, '') if dot < 0 else (name[:dot], name[dot + 1:].lower())
        if base != key:
            if parts:
                yield key, parts
            key, parts = base, {}
        if suffix in parts:
            raise ValueError(f'{name} is there twice')
        parts[suffix] = data
    if parts:
        yield key, parts


def _tar_members(stream) -> Iterator[tuple[str, bytes]]:
    """Regular files of a tar stream (POSIX.1-2001: ustar with pax names; GNU long names)."""
    long_name, read, first = None, stream.read, True
    while True:
        header = read(512)
        if not header or header[0] == 0:
            return
        if len(header) < 512:
            raise ValueError('the file ends inside a header')
        if first or header[257:262] != b'ustar':
            _check_header(header)
            first = False
        size = (int.from_bytes(header[125:136], 'big') if header[124] & 128
                else int(header[124:136].rstrip(b'\0 ') or b'0', 8))
        if not 0 <= size <= _MAX_MEMBER:
            raise ValueError(f'a member of {size} bytes')
        data = read(size + -size % 512)
        if len(data) < size + -size % 512:
            raise ValueError('the file ends inside a member')
        data, kind = data[:size], header[156]
        if kind == 0 or kind == 48:  # b'0': a regular file
            if long_name is None:
                name = header[:header.find(0, 0, 100) if header[99] == 0 else 100]
                if header[345] and header[257:262] == b'ustar':
                    name = header[345:500].rstrip(b'\0') + b'/' + name
                long_name = name.decode()
            yield long_name, data
            long_name = None
        elif kind == 76:  # b'L'
            long_name = data.rstrip(b'\0').decode()
        elif kind == 120:  # b'x'
            long_name = _pax_path(data) or long_name


def _check_header(header: bytes) -> None:
    """The checksum: the sum of all bytes, its own eight taken as blanks."""
    written = header[148:156].strip(b'\0 ')
    if not written.isdigit() or int(written, 8) != sum(header) - sum(header[148:156]) + 8 * 32:
        raise ValueError('not a tar file, or a damaged one')


def _pax_path(data: bytes) -> str | None:
    while data:
        length, _, _ = data.partition(b' ')
        if not len(length) + 1 < int(length) <= len(data):
            raise ValueError('a damaged extended header')
        record, data = data[len(length) + 1:int(length) - 1], data[int(length):]
        name, _, value = record.partition(b'=')
        if name == b'path':
            return value.decode()
    return None


def _buffered(samples: Iterator, size: int, rng: np.random.Generator) -> Iterator:
    """Draw each sample at random from the next ``size``."""
    buffer = []
    for sample in samples:
        buffer.append(sample)
        if len(buffer) >= size:
            k = int(rng.integers(len(buffer)))
            buffer[k], buffer[-1] = buffer[-1], buffer[k]
            yield buffer.pop()
    for k in rng.permutation(len(buffer)).tolist():
        yield buffer[k]


@FORMATS.register_module('shards')
class ShardFormat(FaceFormat):
    """Tar files of one chunk each, and their index ``shards.json``."""

    reader = ShardFaces
    files = SHARD_INDEX
    prefix, suffix, chunks_are_files = 'faces-', '.tar', True

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return (path / SHARD_INDEX).is_file()

    def write_chunk(self, start: int, stop: int, path: Path) -> None:
        webdataset = import_webdataset()
        with open(path, 'wb') as file, webdataset.TarWriter(file, encoder=False, mtime=0) as tar:
            for i, image, label, suffix in self.items(start, stop):
                tar.write({'__key__': f'{i:09d}', suffix: image, 'cls': str(label).encode()})

    def finish(self, chunks: list[Path], counts: list[int]) -> None:
        index = dict(version=1, classes=self.source.num_classes, shards=[p.name for p in chunks],
                     counts=counts, people=self.source.people)
        write_text(self.folder / SHARD_INDEX, json.dumps(index) + '\n')
