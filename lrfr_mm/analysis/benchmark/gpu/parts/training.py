"""A short training from RecordIO against what its parts promise."""
from __future__ import annotations

import contextlib
import copy
import io
import os
import tempfile
import time
from collections.abc import Iterator

import numpy as np
from torch.utils.data import DataLoader

from lrfr_mm.analysis.benchmark.gpu.measure import seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.gpu.trainer import GPUTrainer, Mode
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.datasets.sources import SyntheticFaces, write_record_io

__all__ = ['training']


@part('A short training from RecordIO', 44)
def training(scale: Scale) -> Iterator[Result]:
    """Loader alone, step alone with its LR views, and both together."""
    batch = scale.batch_sizes[0]
    people, count = (2, 4 * batch) if scale.dry else (8, 60 * batch)
    workers = 0 if scale.dry else min(15, max(1, (os.cpu_count() or 2) - 1))
    model = copy.deepcopy(scale.model[1])
    model['data_preprocessor'] = dict(type='FacePreprocessor', multi_res=dict())
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            write_record_io(folder, SyntheticFaces(people, 10))
        loader = DataLoader(
            FaceDataset(dict(type='RecordIOFaces', root=folder)), batch,
            sampler=np.random.default_rng(0).integers(0, 10 * people, count).tolist(),
            num_workers=workers, collate_fn=face_collate, drop_last=True,
            pin_memory=scale.device == 'cuda', persistent_workers=workers > 0)

        def read() -> None:
            for _ in loader:
                pass

        reading = count / seconds_each(read, 1, warmup=1)
        yield Result('loader alone', reading, 'samples/s', {'workers': workers})
        trainer = GPUTrainer(model, batch, people, scale.device,
                             Mode('', bf16=not scale.dry, channels_last=True))
        alone = batch / seconds_each(trainer.step, scale.repeats, warmup=scale.repeats // 3)
        yield Result('step alone', alone, 'samples/s', {'batch': batch})
        waited = 0.

        def train() -> None:
            nonlocal waited
            batches = iter(loader)
            while True:
                start = time.perf_counter()
                data = next(batches, None)
                waited += time.perf_counter() - start
                if data is None:
                    return
                trainer.step(data)

        took = seconds_each(train, 1, warmup=0)
    yield Result('training', count / took, 'samples/s', {
        'of the slower part': f'{100 * count / took / min(alone, reading):.0f} %',
        'waiting for input': f'{100 * waited / took:.0f} %'})
