"""JPEGs of 112 px: torchvision's nvJPEG on the device against one CPU core."""
from __future__ import annotations

import os
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torchvision.io import decode_jpeg

from lrfr_mm.analysis.benchmark.gpu.measure import attempt, seconds_each
from lrfr_mm.analysis.benchmark.gpu.part import Scale, part
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.datasets.sources import SyntheticFaces

__all__ = ['decoding']


@part('Decoding', 16)
def decoding(scale: Scale) -> Iterator[Result]:
    """Images a second."""
    count = min(scale.images, 512)
    source = SyntheticFaces(4, 10)
    made = [source.read(index)[0] for index in range(8 if scale.dry else len(source))]
    encoded = [made[index % len(made)] for index in range(count)]
    tensors = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in encoded]

    def on_a_core() -> None:
        for data in encoded:
            cv2.imdecode(np.frombuffer(data, np.uint8), 1)

    def on_the_device() -> None:
        if scale.device == 'cuda':
            decode_jpeg(tensors, device='cuda')
        else:
            for data in tensors:
                decode_jpeg(data)

    for name, run in (('OpenCV, one core', on_a_core),
                      (f'torchvision, {scale.device}', on_the_device)):
        yield attempt(name, 'images/s', lambda run=run: (
            count / seconds_each(run, 2, warmup=1), {'cores here': os.cpu_count()}))
