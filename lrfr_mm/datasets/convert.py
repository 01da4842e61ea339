"""From any source of faces to any storage format: in parallel, resumable, byte for byte.

A conversion builds ``ROOT.part`` beside its destination out of chunks that are each written whole,
and moves it to ``ROOT`` when everything is there: a kill leaves no ``ROOT``, and a second start
makes the missing chunks.
"""
from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.datasets.sources.lmdb_faces import LMDB_VERSION, lmdb_key, lmdb_value, open_lmdb
from lrfr_mm.datasets.sources.parquet import import_pyarrow
from lrfr_mm.datasets.sources.record_io import write_header, write_identities, write_image
from lrfr_mm.datasets.sources.shards import SHARD_INDEX, import_webdataset
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.registry import SOURCES

__all__ = ['FORMATS', 'convert', 'detect_source', 'image_suffix']

_MAGIC = {b'\xff\xd8\xff': 'jpg', b'\x89PNG\r\n\x1a\n': 'png', b'BM': 'bmp', b'II*\0': 'tif',
          b'MM\0*': 'tif'}


def image_suffix(data: bytes, where: str) -> str:
    """Ending that suits the first bytes of an encoded image: 'jpg', 'png', 'webp', 'bmp', 'tif'.

    Raises:
        ValueError: If they are no such image's; ``where`` names it.
    """
    if isinstance(data, np.ndarray):
        raise ValueError(f'{where}: pixels, not an encoded image')
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        return 'webp'
    for start, suffix in _MAGIC.items():
        if data.startswith(start):
            return suffix
    raise ValueError(f'{where} is not an image: {len(data)} bytes, the first are {data[:8]!r}')


class _Writer:
    """One format. ``write_chunk`` runs in a worker, ``finish`` in the main process."""

    name: str

    def __init__(self, folder: Path, source: FaceSource, size: int):
        self.folder, self.source, self.size = folder, source, size

    def chunk_path(self, chunk: int) -> Path:
        """What is there exactly when chunk ``chunk`` is done."""
        raise NotImplementedError

    def write_chunk(self, chunk: int, start: int, stop: int) -> None:
        raise NotImplementedError

    def finish(self, chunks: list[tuple[int, int]]) -> None:
        """Make the set out of the chunks (start, stop) that all are there."""
        raise NotImplementedError

    def _items(self, start: int, stop: int) -> Iterable[tuple[int, bytes, int, str]]:
        """(position, image, label, suffix) of each image."""
        for i in range(start, stop):
            image, label = self.source.read(i)
            yield i, image, label, image_suffix(image, f'{self.source}, image {i}')


class _Folder(_Writer):
    name = 'folder'

    def chunk_path(self, chunk):
        return self.folder / '.done' / str(chunk)

    def write_chunk(self, chunk, start, stop):
        people = self.source.people
        digits = max(6, len(str(self.source.num_classes - 1)))
        for i, image, label, suffix in self._items(start, stop):
            person = people[label] if people else f'{label:0{digits}d}'
            with whole_file(self.folder / person / f'{i:09d}.{suffix}') as part:
                part.write_bytes(image)
        self.chunk_path(chunk).parent.mkdir(exist_ok=True)
        self.chunk_path(chunk).touch()

    def finish(self, chunks):
        shutil.rmtree(self.folder / '.done')


class _RecordIO(_Writer):
    name = 'recordio'

    def chunk_path(self, chunk):
        return self.folder / f'chunk-{chunk:06d}.rec'

    def write_chunk(self, chunk, start, stop):
        index = io.StringIO()
        with whole_file(self.chunk_path(chunk)) as part:
            with open(part, 'wb') as rec:
                for i, image, label, _ in self._items(start, stop):
                    write_image(rec, index, i, image, label, f'{self.source}, image {i}')
            write_text(self.chunk_path(chunk).with_suffix('.idx'), index.getvalue())

    def finish(self, chunks):
        with open(self.folder / 'train.rec', 'wb') as rec, open(self.folder / 'train.idx',
                                                                 'w') as idx:
            write_header(rec, idx, len(self.source), self.source.num_classes)
            for chunk in range(len(chunks)):
                begin, path = rec.tell(), self.chunk_path(chunk)
                for line in path.with_suffix('.idx').read_text().splitlines():
                    key, offset = line.split('\t')
                    idx.write(f'{key}\t{begin + int(offset)}\n')
                with open(path, 'rb') as part:
                    shutil.copyfileobj(part, rec, 1 << 20)
            write_identities(rec, idx, self.source.labels(), self.source.num_classes)
        for path in self.folder.glob('chunk-*'):
            path.unlink()
        write_text(self.folder / 'property',
                   f'{self.source.num_classes},{self.size},{self.size}\n')
        _write_people(self.folder, self.source)


class _Parquet(_Writer):
    name = 'parquet'

    def chunk_path(self, chunk):
        return self.folder / f'part-{chunk:06d}.parquet'

    def write_chunk(self, chunk, start, stop):
        arrow, parquet = import_pyarrow()
        rows = list(self._items(start, stop))
        table = arrow.table({
            'image': arrow.array([dict(bytes=image, path=f'{i:09d}.{suffix}')
                                  for i, image, _, suffix in rows],
                                 arrow.struct([('bytes', arrow.binary()),
                                               ('path', arrow.string())])),
            'label': arrow.array([label for _, _, label, _ in rows], arrow.int64())})
        with whole_file(self.chunk_path(chunk)) as part:
            parquet.write_table(table, part, row_group_size=64, compression='none',
                                use_dictionary=False)

    def finish(self, chunks):
        _write_people(self.folder, self.source)


class _Shards(_Writer):
    name = 'shards'

    def chunk_path(self, chunk):
        return self.folder / f'faces-{chunk:06d}.tar'

    def write_chunk(self, chunk, start, stop):
        webdataset = import_webdataset()
        with whole_file(self.chunk_path(chunk)) as part, open(part, 'wb') as file, \
                webdataset.TarWriter(file, encoder=False, mtime=0) as tar:
            for i, image, label, suffix in self._items(start, stop):
                tar.write({'__key__': f'{i:09d}', suffix: image, 'cls': str(label).encode()})

    def finish(self, chunks):
        index = dict(version=1, classes=self.source.num_classes,
                     shards=[self.chunk_path(k).name for k in range(len(chunks))],
                     counts=[stop - start for start, stop in chunks], people=self.source.people)
        write_text(self.folder / SHARD_INDEX, json.dumps(index) + '\n')


class _LMDB(_Writer):
    name = 'lmdb'

    def chunk_path(self, chunk):
        return self.folder / f'chunk-{chunk:06d}.bin'

    def write_chunk(self, chunk, start, stop):
        # Workers lay the values end to end; one process then puts them into the database in order.
        values = [lmdb_value(image, label) for _, image, label, _ in self._items(start, stop)]
        with whole_file(self.chunk_path(chunk)) as part, open(part, 'wb') as file:
            file.write(np.array([len(value) for value in values], '<i8').tobytes())
            file.writelines(values)

    def finish(self, chunks):
        size = sum(self.chunk_path(k).stat().st_size for k in range(len(chunks)))
        (self.folder / 'data.mdb').unlink(missing_ok=True)
        env = open_lmdb(str(self.folder), map_size=2 * size + (1 << 30), writemap=True,
                        map_async=True, lock=False)
        labels = []
        for chunk, (start, stop) in enumerate(chunks):
            with open(self.chunk_path(chunk), 'rb') as file, env.begin(write=True) as transaction:
                lengths = np.frombuffer(file.read(8 * (stop - start)), '<i8')
                for i, length in zip(range(start, stop), lengths.tolist(), strict=True):
                    value = file.read(length)
                    labels.append(int.from_bytes(value[:8], 'little', signed=True))
                    transaction.put(lmdb_key(i), value, append=True)
        meta = dict(version=LMDB_VERSION, images=len(labels), classes=self.source.num_classes,
                    people=self.source.people)
        with env.begin(write=True) as transaction:
            transaction.put(b'labels', np.array(labels, '<i8').tobytes())
            transaction.put(b'meta', json.dumps(meta).encode())
        env.sync(True)
        used = env.info()['last_pgno'] + 1
        page = env.stat()['psize']
        env.close()
        os.truncate(self.folder / 'data.mdb', used * page)
        for path in self.folder.glob('chunk-*'):
            path.unlink()


FORMATS = {writer.name: writer for writer in (_Folder, _RecordIO, _LMDB, _Shards, _Parquet)}


def _write_people(folder: Path, source: FaceSource) -> None:
    if source.people:
        write_text(folder / 'people.txt', '\n'.join(source.people) + '\n')


def detect_source(path: str) -> FaceSource:
    """The source that suits what lies at ``path``: RecordIO, LMDB, shards, Parquet or a folder.

    Raises:
        FileNotFoundError: If nothing is there.
        ValueError: If it is none of these.
    """
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f'{path} does not exist')
    kinds = [('RecordIOFaces', (root / 'train.idx').is_file(), 'root'),
             ('LMDBFaces', (root / 'data.mdb').is_file() or root.suffix == '.mdb', 'root'),
             ('ShardFaces', (root / SHARD_INDEX).is_file(), 'urls'),
             ('ParquetFaces', root.suffix == '.parquet' or (root.is_dir() and any(
                 root.glob('*.parquet'))), 'root'),
             ('FolderFaces', root.is_dir(), 'root')]
    for kind, fits, argument in kinds:
        if fits:
            return SOURCES.build({'type': kind, argument: str(root)})
    raise ValueError(f'{path} is no set of faces: train.rec with its train.idx, data.mdb, '
                     f'{SHARD_INDEX}, *.parquet, or one folder a person')


def convert(source: FaceSource, to: str, root: str, workers: int = 1, chunk: int = 2000,
            size: int = 112, progress: bool = True) -> None:
    """Write ``source`` to ``root`` in the format ``to``.

    Args:
        source: Any source whose ``read`` gives encoded images.
        to: 'folder', 'recordio', 'lmdb', 'shards' or 'parquet'.
        root: Destination; must not be there yet.
        workers: Processes.
        chunk: Images of a shard, a Parquet file, or a step of the work.
        size: Image side that RecordIO's ``property`` states, px.
        progress: Show a bar.

    Raises:
        ValueError: For an unknown format, or an image that is none; the text names it.
        FileExistsError: If ``root`` is there, or ``root.part`` is of another conversion.
    """
    if to not in FORMATS:
        raise ValueError(f'format must be one of {", ".join(FORMATS)}, got {to!r}')
    destination = Path(root)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise FileExistsError(f'{destination} is there already: nothing is overwritten')
    folder = destination.with_name(destination.name + '.part')
    plan = json.dumps(dict(source=repr(source), to=to, chunk=chunk, images=len(source)))
    if (folder / 'plan.json').is_file():
        if (folder / 'plan.json').read_text() != plan:
            raise FileExistsError(f'{folder} holds the beginning of another conversion: remove it, '
                                  'or give that conversion\'s arguments')
    else:
        write_text(folder / 'plan.json', plan)
    writer = FORMATS[to](folder, source, size)
    chunks = [(start, min(start + chunk, len(source))) for start in range(0, len(source), chunk)]
    todo = [k for k in range(len(chunks)) if not writer.chunk_path(k).exists()]
    with tqdm(total=len(source), initial=len(source) - sum(chunks[k][1] - chunks[k][0]
                                                            for k in todo),
              unit='img', disable=not progress) as bar:
        if workers <= 1 or len(todo) <= 1:
            for k in todo:
                writer.write_chunk(k, *chunks[k])
                bar.update(chunks[k][1] - chunks[k][0])
        else:
            # Spawned: a process that has used OpenCV's or torch's threads must not fork.
            with multiprocessing.get_context('spawn').Pool(workers, _start, (writer,)) as pool:
                for done in pool.imap_unordered(_work, [(k, *chunks[k]) for k in todo]):
                    bar.update(done)
    writer.finish(chunks)
    (folder / 'plan.json').unlink()
    if destination.is_dir():
        destination.rmdir()
    folder.rename(destination)


_writer: _Writer | None = None


def _start(writer: _Writer) -> None:
    global _writer
    _writer = writer


def _work(job: tuple[int, int, int]) -> int:
    _writer.write_chunk(*job)
    return job[2] - job[1]
