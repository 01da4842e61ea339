"""The path of a sample on one core: read, decode, augment, batch."""
from __future__ import annotations

import contextlib
import os
import resource
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from PIL import Image

from lrfr_mm.analysis.benchmark.timing import Result, rate
from lrfr_mm.datasets import (
    FaceDataset,
    FaceSource,
    RecordIOFaces,
    SyntheticFaces,
    face_collate,
)
from lrfr_mm.datasets.convert import convert, detect_source, format_names
from lrfr_mm.datasets.decode import DECODERS, decode, resolve_decoder
from lrfr_mm.ops.resample import degrade

__all__ = ['benchmark_data', 'private_bytes']

_BATCH = 256


class _Repeated(FaceSource):
    """The images of a source over and over, each time as other people."""

    def __init__(self, images: list[bytes], count: int):
        self.images, self.count, self.num_classes = images, count, -(-count // 20)

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> tuple[bytes, int]:
        return self.images[index % len(self.images)], index // 20

    def labels(self) -> np.ndarray:
        return np.arange(self.count) // 20

    def __repr__(self) -> str:
        return f'{self.count} JPEGs'


@contextlib.contextmanager
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def benchmark_data(images: int = 20000, folder: str | None = None) -> list[Result]:
    """Images a second on one core, from each source, against decoding alone.

    Args:
        images: JPEGs of the set (drawn faces, 112 px, quality 95); a quarter of them are timed.
        folder: Where to write the sets; a temporary folder by default.
    """
    drawn = SyntheticFaces(40, 20)
    faces = []
    for i in range(min(images, len(drawn))):
        pixels = decode(drawn.read(i)[0])[..., ::-1]
        faces.append(cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())
    results = []
    with tempfile.TemporaryDirectory(dir=folder) as root, _one_thread():
        rng = np.random.default_rng(0)
        for to in format_names():
            convert(_Repeated(faces, images), to, os.path.join(root, to), progress=False)
        batch = [faces[i] for i in rng.integers(0, len(faces), max(images // 4, 1))]
        speeds = {}
        for decoder in DECODERS:
            with contextlib.suppress(ImportError):
                resolve_decoder(decoder)
                speed = rate(lambda decoder=decoder: [decode(data, decoder) for data in batch],
                             len(batch), 3)
                speeds[decoder] = speed
                results.append(Result(f'decode alone, {decoder}', speed, 'images/s',
                                      {'KB an image': sum(map(len, batch)) / len(batch) / 1e3}))
        fastest = max(speeds, key=speeds.get)
        order = rng.integers(0, images, max(images // 4, _BATCH) // _BATCH * _BATCH).tolist()
        for to in format_names():
            source = detect_source(os.path.join(root, to))
            if source.streaming:
                def read(source=source):
                    for _ in source.stream(0, 0, 0, len(source)):
                        pass
            else:
                def read(source=source):
                    for i in order:
                        source.read(i)
            count = len(source) if source.streaming else len(order)
            results.append(Result(f'read alone, {to}', rate(read, count, 3), 'images/s',
                                  {'order': 'a shuffled stream' if source.streaming else 'random'}))
            # Each time beside decoding alone: a machine's speed drifts.
            pairs = [(rate(lambda source=source: _whole_path(source, order),
                           count // _BATCH * _BATCH, 1),
                      rate(lambda: [decode(data, fastest) for data in batch], len(batch), 1))
                     for _ in range(5)]
            results.append(Result(
                f'read, decode, flip, uint8 batch: {to}', median(pair[0] for pair in pairs),
                'images/s', {'of decode alone': f'{median(a / b for a, b in pairs):.2f}'}))
        records = RecordIOFaces(os.path.join(root, 'recordio'))
        for name, pipeline in (('MultiResAug, pillow', [dict(type='MultiResAug')]),
                               ('MultiResAug, torch', [dict(type='MultiResAug',
                                                            backend='torch')])):
            dataset = FaceDataset(records, pipeline)
            speed = rate(lambda dataset=dataset: _batches(dataset, order), len(order), 3)
            results.append(Result(f'with both views: {name}', speed, 'images/s'))
        plain = FaceDataset(records)
        for method in ('exact', 'fast'):
            speed = rate(lambda method=method: _views_of_batches(plain, order, method),
                         len(order), 3)
            results.append(Result(f'with both views: made from the batch, {method}', speed,
                                  'images/s'))
        results.append(Result('the released way: PIL and torchvision, both views, float tensors',
                              rate(lambda: _released(records, order[:_BATCH * 4]), _BATCH * 4, 3),
                              'images/s'))
        results += _large_index(Path(root))
    return results


def _batches(dataset, order) -> None:
    for start in range(0, len(order), _BATCH):
        face_collate([dataset[i] for i in order[start:start + _BATCH]])


def _whole_path(source, order) -> None:
    if source.streaming:
        dataset = FaceDataset(source, [dict(type='FaceFlip')], stream_batch=_BATCH)
        batch = []
        for sample in dataset:
            batch.append(sample)
            if len(batch) == _BATCH:
                face_collate(batch)
                batch = []
    else:
        _batches(FaceDataset(source, [dict(type='FaceFlip')]), order)


def _views_of_batches(dataset, order, method) -> None:
    rng = np.random.default_rng(0)
    for start in range(0, len(order), _BATCH):
        images = face_collate([dataset[i] for i in order[start:start + _BATCH]])['inputs']['hr']
        degrade(images, rng.choice([7, 14, 20, 20], len(images)), method)


def _released(source, order) -> None:
    """PIL decode, a flip of each view, PIL bicubic down and up, float tensors, stacked."""
    import io

    from torchvision.transforms import functional
    rng = np.random.default_rng(0)
    for start in range(0, len(order), _BATCH):
        views = []
        for i in order[start:start + _BATCH]:
            image = Image.open(io.BytesIO(source.read(i)[0])).convert('RGB')
            r = int(rng.choice([7, 14, 20, 20]))
            low = image.resize((r, r), Image.Resampling.BICUBIC).resize(
                (112, 112), Image.Resampling.BICUBIC)
            for view in (image, low):
                if rng.random() < .5:
                    view = functional.hflip(view)
                views.append(functional.normalize(functional.to_tensor(view), [.5] * 3, [.5] * 3))
        torch.stack(views)


def _large_index(root: Path, records: int = 5_800_000) -> list[Result]:
    """Opening a set of MS1MV2's size, whose file is sparse, and what it takes of memory."""
    folder = root / 'large'
    folder.mkdir()
    offsets = np.arange(records, dtype=np.int64) * 8192
    np.savetxt(folder / 'train.idx', np.stack([np.arange(1, records + 1), offsets], 1), '%d\t%d')
    index = np.loadtxt(root / 'recordio' / 'train.idx', np.int64, max_rows=3)
    begin, end = index[1:, 1]  # the first image's record follows the header's
    record = (root / 'recordio' / 'train.rec').read_bytes()[begin:end]
    with open(folder / 'train.rec', 'wb') as file:
        for offset in (0, int(offsets[-1])):  # those that are read when the set is opened
            file.seek(offset)
            file.write(record)
    (folder / 'property').write_text('85742,112,112\n')
    before, start = private_bytes(), time.perf_counter()
    source = RecordIOFaces(str(folder))
    took = time.perf_counter() - start
    held = (private_bytes() - before) / 2 ** 20
    return [Result(f'open RecordIO of {len(source):,} records', took, 's', {
        'holds': f'{held:.0f} MiB, shared by forked workers',
        'a million': f'{held * 1e6 / records:.0f} MiB'})]


def private_bytes() -> int:
    """Memory of this process that it shares with no file, in bytes; its peak where the system does
    not tell.
    """
    try:
        for line in Path('/proc/self/status').read_text().splitlines():
            if line.startswith('RssAnon'):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
