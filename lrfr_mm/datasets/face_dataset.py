"""A set of labelled faces, whatever its source."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from lrfr_mm.datasets.decode import decode, resolve_decoder
from lrfr_mm.errors import InputError
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.registry import DATASETS, SOURCES, TRANSFORMS

__all__ = ['FaceDataset', 'FaceStream']


@DATASETS.register_module()
class FaceDataset(Dataset):
    """Reads bytes from a source, decodes them and hands the sample to the pipeline.

    ``FaceDataset(source)`` of a source that is a stream (its class says ``streaming``) makes a
    FaceStream, as ``pathlib.Path`` makes the class that suits the system: a DataLoader tells the
    two kinds of data sets apart by their class.

    Args:
        source: Config or object with ``len()``, ``read(i) -> (bytes or uint8 RGB array, label)``
            and ``num_classes``.
        pipeline: Transforms, in order.
        decoder: 'auto' (simplejpeg where installed, else cv2), 'simplejpeg', 'cv2' or 'pillow'.
        image_size: Every image must leave the pipeline with this side in px; None for any.
        landmarks: Samples also have the source's five ``landmarks``, px of the image, float32
            (5, 2); AlignedFaces and SyntheticFaces know them.
        stream_batch: Batch size of the loader. Only streams (ShardFaces) need it, and the launcher
            sets it for them.

    A sample is ``dict(img=uint8 RGB (H, W, 3), gt_label=int, sample_idx=int, epoch=int,
    rng_key=int)``; ``rng_key`` seeds all that is random about this visit and depends on the run's
    seed, the epoch and the index alone.

    Raises:
        InputError: If the source holds no image, or is a stream where random access is needed.
        ConfigError: For an unknown decoder.
    """

    def __new__(cls, *args, **kwargs):
        if cls is not FaceDataset:  # subclasses have arguments of their own
            return super().__new__(cls)
        source = kwargs['source'] if 'source' in kwargs else next(iter(args), None)
        return super().__new__(FaceStream if _is_stream(source) else cls)

    def __init__(self, source, pipeline: Sequence = (), decoder: str = 'auto',
                 image_size: int | None = 112, stream_batch: int = 1, landmarks: bool = False):
        self.source = SOURCES.build(source) if isinstance(source, dict) else source
        self.pipeline = [TRANSFORMS.build(step) if isinstance(step, dict) else step
                         for step in pipeline]
        self.decoder = resolve_decoder(decoder)
        self.image_size, self.landmarks = image_size, landmarks
        self.metainfo = dict(num_classes=self.source.num_classes)
        if len(self.source) == 0:
            raise InputError(f'{self.source} holds no image')
        if landmarks and not hasattr(self.source, 'landmarks'):
            raise InputError(f'{self.source} knows no landmarks; AlignedFaces and SyntheticFaces '
                             'do')
        # In shared memory, so that living workers see a new epoch: seed, epoch, batches done.
        self._visit = torch.zeros(3, dtype=torch.int64).share_memory_()
        self.stream_batch = stream_batch
        if getattr(self.source, 'streaming', False) and not isinstance(self, FaceStream):
            raise InputError(f'{self.source} is a stream: {type(self).__name__} needs random '
                             'access, convert the set to LMDB or RecordIO')

    def __len__(self) -> int:
        return len(self.source)

    def set_epoch(self, epoch: int, seed: int, batches_done: int = 0) -> None:
        """Make the coming visits of all samples those of ``epoch`` in the run of ``seed``.

        ``batches_done`` of this process's batches were used before an interruption; only streams
        look at it, the sampler does it for other sets.
        """
        self._visit[0], self._visit[1], self._visit[2] = seed, epoch, batches_done

    def __getitem__(self, index: int) -> dict:
        """Sample ``index``, from 0 to len - 1.

        Raises:
            InputError: If an image cannot be decoded, has the wrong size, or a label is out of
                range; the text names the source and the index.
        """
        data, label = self.source.read(int(index))
        return self._sample(int(index), data, label)

    def _sample(self, index: int, data: bytes | np.ndarray, label: int) -> dict:
        seed, epoch, _ = self._visit.tolist()
        try:
            if not 0 <= label < self.source.num_classes:
                raise ValueError(f'label {label} is outside 0 to {self.source.num_classes - 1}')
            image = data if isinstance(data, np.ndarray) else decode(data, self.decoder)
            results = dict(img=image, gt_label=int(label), sample_idx=index, epoch=epoch,
                           rng_key=sample_key(seed, epoch, index))
            if self.landmarks:
                results['landmarks'] = self.source.landmarks(index)
            for step in self.pipeline:
                results = step(results)
        except ValueError as error:
            name = self.source.name(index) if hasattr(self.source, 'name') else str(index)
            shown = f' ({name})' if name != str(index) else ''
            raise InputError(f'{self.source}, image {index}{shown}: {error}') from None
        size = self.image_size
        if size is not None and results['img'].shape[:2] != (size, size):
            h, w = results['img'].shape[:2]
            raise InputError(f'{self.source}, image {index} is {w}x{h} px, {size}x{size} needed: '
                             "align the faces first, or put dict(type='ResizeFace') into the "
                             'pipeline if they are aligned at another size')
        return results


def _is_stream(source) -> bool:
    """Whether a source, or the class that its config names, is read as a stream."""
    if isinstance(source, dict):
        kind = source.get('type')
        source = SOURCES.get(kind) if isinstance(kind, str) else kind
    return bool(getattr(source, 'streaming', False))


class FaceStream(FaceDataset, IterableDataset):
    """A FaceDataset whose source is a stream: whole batches, in the source's order.

    An epoch's row of samples is cut into equal parts, one a process, and each part into whole
    batches, dealt to the loader's workers in turn. What is left over (fewer samples than processes
    x batch size) is another part of the set each epoch. An interrupted epoch goes on with the batch
    that would have come next.

    Args:
        source, **kwargs: See FaceDataset; ``stream_batch`` is the loader's batch size.
    """

    def __init__(self, source, *args, **kwargs):
        super().__init__(source, *args, **kwargs)
        self._rank, self._world = get_dist_info()

    def _batches(self) -> int:
        return len(self.source) // self._world // self.stream_batch

    def __len__(self) -> int:
        """Samples that this process gets in an epoch."""
        return self._batches() * self.stream_batch

    def __getitem__(self, index: int):
        raise TypeError('a stream has no random access: iterate over it')

    def __iter__(self) -> Iterator[dict]:
        seed, epoch, done = self._visit.tolist()
        info = get_worker_info()
        workers, worker = (info.num_workers, info.id) if info is not None else (1, 0)
        # The loader asks worker 0 first: it is the one whose turn it was.
        worker = (worker + done) % workers
        batches = self._batches()
        mine = np.arange(worker, batches, workers)
        first = sum(len(range(w, batches, workers)) for w in range(worker))
        start = len(self.source) // self._world * self._rank + first * self.stream_batch
        for index, data, label in self.source.stream(
                seed, epoch, start, start + len(mine) * self.stream_batch,
                skip=int((mine < done).sum()) * self.stream_batch):
            yield self._sample(index, data, label)
