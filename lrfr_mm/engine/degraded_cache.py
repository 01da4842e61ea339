"""Degraded images of benchmarks on disk, for many tests of the same images."""
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch

from lrfr_mm.files import whole_file
from lrfr_mm.ops.degradations import degrade_images

__all__ = ['DegradedCache']


class DegradedCache:
    """:func:`lrfr_mm.ops.degradations.degrade_images`, whose results on the CPU are kept in files.

    'bicubic' is computed on the images' device each time. Of the others each batch is one file,
    named by a hash of its pixels; several processes can use one directory.

    Args:
        folder: Directory of the files; made when the first is written.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)

    def __call__(self, images: torch.Tensor, resolution: int, degradation: str = 'bicubic'
                 ) -> torch.Tensor:
        """uint8 (B, 3, H, W) on any device to the same shape there."""
        if degradation == 'bicubic':
            return degrade_images(images, resolution)
        pixels = images.cpu().contiguous().numpy()
        digest = hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=12)
        path = self.folder / f'{degradation}-{resolution}px-{digest.hexdigest()}.npy'
        try:
            degraded = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # not there, or damaged: computed and written
            degraded = degrade_images(torch.from_numpy(pixels), resolution, degradation).numpy()
            with whole_file(path) as part, open(part, 'wb') as file:
                np.save(file, degraded)
        return torch.from_numpy(degraded).to(images.device)
