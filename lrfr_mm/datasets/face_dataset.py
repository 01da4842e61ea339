"""A set of labelled faces, whatever its source."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from lrfr_mm.datasets.decode import decode, resolve_decoder
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.registry import DATASETS, SOURCES

__all__ = ['FaceDataset']


@DATASETS.register_module()
class FaceDataset(Dataset):
    """Reads bytes from a source, decodes them and hands the sample to the pipeline.

    Args:
        source: Config or object with ``len()``, ``read(i) -> (bytes or uint8 RGB array, label)``
            and ``num_classes``.
        pipeline: Transforms, in order.
        decoder: 'auto' (simplejpeg where installed, else cv2), 'simplejpeg', 'cv2' or 'pillow'.
        image_size: Every image must leave the pipeline with this side in px; None for any.

    A sample is ``dict(img=uint8 RGB (H, W, 3), gt_label=int, sample_idx=int, rng_key=int)``;
    ``rng_key`` seeds all that is random about this visit and depends on the run's seed, the epoch
    and the index alone.
    """

    def __init__(self, source, pipeline: Sequence = (), decoder: str = 'auto',
                 image_size: int | None = 112):
        self.source = SOURCES.build(source) if isinstance(source, dict) else source
        self.pipeline = Compose(list(pipeline))
        self.decoder = resolve_decoder(decoder)
        self.image_size = image_size
        self.metainfo = dict(num_classes=self.source.num_classes)
        if len(self.source) == 0:
            raise ValueError(f'{self.source} holds no image')
        # In shared memory, so that living workers see a new epoch: (seed, epoch).
        self._visit = torch.zeros(2, dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return len(self.source)

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Make the coming visits of all samples those of ``epoch`` in the run of ``seed``."""
        self._visit[0], self._visit[1] = seed, epoch

    def __getitem__(self, index: int) -> dict:
        """Sample ``index``, from 0 to len - 1.

        Raises:
            ValueError: If an image cannot be decoded, has the wrong size, or a label is out of
                range; the text names the source and the index.
        """
        data, label = self.source.read(int(index))
        try:
            if not 0 <= label < self.source.num_classes:
                raise ValueError(f'label {label} is outside 0 to {self.source.num_classes - 1}')
            image = data if isinstance(data, np.ndarray) else decode(data, self.decoder)
        except ValueError as error:
            raise ValueError(f'{self.source}, image {index}: {error}') from None
        seed, epoch = self._visit.tolist()
        results = self.pipeline(dict(img=image, gt_label=int(label), sample_idx=int(index),
                                     rng_key=int(sample_key(seed, epoch, int(index)))))
        size = self.image_size
        if size is not None and results['img'].shape[:2] != (size, size):
            h, w = results['img'].shape[:2]
            raise ValueError(f'{self.source}, image {index} is {w}x{h} px, {size}x{size} needed: '
                             "align the faces first, or put dict(type='ResizeFace') into the "
                             'pipeline if they are aligned at another size')
        return results
