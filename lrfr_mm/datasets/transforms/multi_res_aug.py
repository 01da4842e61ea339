"""Multi-resolution augmentation: the second, degraded view of every training face."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from lrfr_mm.datasets.transforms.random_transform import RandomTransform
from lrfr_mm.ops.align import flip_landmarks
from lrfr_mm.ops.degradations import degrade_image
from lrfr_mm.ops.jitter import jitter_images, jitter_landmarks
from lrfr_mm.ops.multi_res import MultiResDraw
from lrfr_mm.ops.resample import degrade
from lrfr_mm.registry import TRANSFORMS

__all__ = ['MultiResAug', 'MultiResDraw']


@TRANSFORMS.register_module()
class MultiResAug(RandomTransform):
    """Adds ``img_lr``: the face, bicubically shrunk to a random r x r and enlarged again.

    Flips the views as well, so no other flip belongs into the pipeline. (Paper, section 3.1; its
    MAug is the default, Aug is ``resolutions=(14,), ratio=(1,)``.)

    Args:
        resolutions: Sides of the LR view, px.
        ratio: How often each of them, relative to the others.
        backend: 'pillow' is Pillow itself; 'torch' is torch's antialiased uint8 interpolation, a
            few grey levels off. (``multi_res`` of the preprocessor makes whole batches on the
            device, equal to 'pillow'.)
        flip: 'independent', 'shared' or None; see :class:`~lrfr_mm.ops.multi_res.MultiResDraw`.
        degradation: The method's 'bicubic', or another of
            :func:`~lrfr_mm.ops.degradations.degrade_image`; of several, each sample draws one.
        curriculum: ``{first epoch: ratio}``: from that epoch (the first is 0) on, another ratio.
        seed: See :class:`RandomTransform`.
        jitter: Arguments of :class:`~lrfr_mm.ops.jitter.JitterDraw`, an error of the alignment that
            only the LR view has; None for none.

    Keys of the sample:
        - reads ``img`` (uint8 RGB (H, W, 3)), ``rng_key`` where there is one, ``epoch`` for a
          curriculum, ``landmarks`` ((5, 2), px) where there are any;
        - writes ``img_lr`` (uint8, the shape of ``img``), ``lr_resolution`` (int, px), ``img``
          where it is flipped, and ``landmarks`` and ``landmarks_lr`` of the two views.

    Raises:
        ValueError: For an argument out of range; for a curriculum and a sample without ``epoch``.
    """

    def __init__(self, resolutions: Sequence[int] = (7, 14, 20), ratio: Sequence[float] = (1, 1, 2),
                 backend: str = 'pillow', flip: str | None = 'independent',
                 degradation: str | Sequence[str] = 'bicubic',
                 curriculum: dict[int, Sequence[float]] | None = None, seed: int = 0,
                 jitter: dict | None = None):
        super().__init__(seed)
        if backend not in ('pillow', 'torch'):
            raise ValueError(f"backend must be 'pillow' or 'torch', got {backend!r}")
        self.backend = backend
        self.draw = MultiResDraw(resolutions, ratio, flip, degradation, curriculum, jitter)
        if backend == 'torch' and self.draw.degradations != ('bicubic',):
            raise ValueError("backend='torch' is for degradation='bicubic'")

    @property
    def degradations(self) -> tuple[str, ...]:
        """Names of the degradations that a sample draws from."""
        return self.draw.degradations

    def transform(self, results: dict) -> dict:
        if self.draw.curriculum and 'epoch' not in results:
            raise ValueError("MultiResAug: a curriculum needs 'epoch' in the sample; FaceDataset "
                             'puts it there')
        key = self.key_of(results)
        resolution, flip_hr, flip_lr = self.draw(key, results.get('epoch', 0))
        image = sharp = results['img']
        if self.draw.jitter is not None:
            chw = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
            moved = jitter_images(chw, self.draw.jitter, np.array([key]))[0]
            sharp = np.ascontiguousarray(moved.permute(1, 2, 0).numpy())
        if self.backend == 'pillow':
            kinds = self.draw.degradations
            kind = kinds[0] if len(kinds) == 1 else kinds[self.draw.degradation(key)]
            low = degrade_image(sharp, int(resolution), kind, key)
        else:
            chw = torch.from_numpy(np.ascontiguousarray(sharp)).permute(2, 0, 1)
            low = degrade(chw, int(resolution), 'fast').permute(1, 2, 0).numpy()
        results['img'] = cv2.flip(image, 1) if flip_hr else image
        results['img_lr'] = cv2.flip(low, 1) if flip_lr else low
        results['lr_resolution'] = int(resolution)
        if 'landmarks' in results:
            points = np.asarray(results['landmarks'])
            mirrored = flip_landmarks(points, image.shape[1])
            results['landmarks'] = mirrored if flip_hr else points
            if self.draw.jitter is not None:
                moved = jitter_landmarks(torch.from_numpy(points.astype(np.float64))[None],
                                         self.draw.jitter, np.array([key]), image.shape[:2])
                points = moved[0].numpy().astype(points.dtype)
                mirrored = flip_landmarks(points, image.shape[1])
            results['landmarks_lr'] = mirrored if flip_lr else points
        return results

    def __repr__(self) -> str:
        return f'MultiResAug(backend={self.backend!r}, {self.draw!r}, seed={self.seed})'
