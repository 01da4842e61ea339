"""Multi-resolution augmentation: the second, degraded view of every training face."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform

from lrfr_mm.ops.degradations import check_degradation, degrade_image
from lrfr_mm.ops.draws import choice, uniform
from lrfr_mm.ops.resample import degrade
from lrfr_mm.registry import TRANSFORMS

__all__ = ['MultiResAug', 'MultiResDraw']

_FLIP_HR, _FLIP_LR, _RESOLUTION, _DEGRADATION = 0, 1, 2, 3


class MultiResDraw:
    """What the augmentation draws for a sample, from the sample's key alone.

    Args:
        resolutions: Sides of the LR view, px.
        ratio: How often each of them, relative to the others.
        flip: 'independent' flips each view with probability 1/2 of its own (as the authors' code
            does), 'shared' both or neither, None none.

    Raises:
        ValueError: For empty or unequal lists, resolutions below 1, negative or all-zero ratios.
    """

    def __init__(self, resolutions: Sequence[int] = (7, 14, 20), ratio: Sequence[float] = (1, 1, 2),
                 flip: str | None = 'independent'):
        if len(resolutions) == 0 or len(resolutions) != len(ratio):
            raise ValueError(f'resolutions {resolutions} and ratio {ratio} must be equally long, '
                             'and not empty')
        if min(resolutions) < 1 or min(ratio) < 0 or sum(ratio) <= 0:
            raise ValueError(f'resolutions {resolutions} must be at least 1 px, ratio {ratio} not '
                             'negative and not all zero')
        if flip not in ('independent', 'shared', None):
            raise ValueError(f"flip must be 'independent', 'shared' or None, got {flip!r}")
        self.resolutions, self.ratio, self.flip = np.array(resolutions), tuple(ratio), flip

    def __call__(self, key):
        """``resolution`` (px), ``flip_hr``, ``flip_lr`` (bool) for ``key``, an int or (B,)."""
        resolution = self.resolutions[choice(key, _RESOLUTION, self.ratio)]
        if self.flip is None:
            none = np.zeros(np.shape(key), bool)
            return resolution, none, none
        flip_hr = uniform(key, _FLIP_HR) < .5
        flip_lr = flip_hr if self.flip == 'shared' else uniform(key, _FLIP_LR) < .5
        return resolution, flip_hr, flip_lr


@TRANSFORMS.register_module()
class MultiResAug(BaseTransform):
    """Adds ``img_lr``: the face, bicubically shrunk to a random r x r and enlarged again.

    Flips the views as well, so no other flip belongs into the pipeline. (Paper, section 3.1; its
    MAug is the default, Aug is ``resolutions=(14,), ratio=(1,)``.)

    Args:
        resolutions: Sides of the LR view, px.
        ratio: How often each of them, relative to the others.
        backend: 'pillow' is Pillow itself; 'torch' is torch's antialiased uint8 interpolation, a
            few grey levels off. (``multi_res`` of the preprocessor makes whole batches on the
            device, equal to 'pillow'.)
        flip: 'independent', 'shared' or None; see :class:`MultiResDraw`.
        degradation: The method's 'bicubic', or another of
            :func:`~lrfr_mm.ops.degradations.degrade_image`; of several, each sample draws one.
        curriculum: ``{first epoch: ratio}``: from that epoch (the first is 0) on, another ratio.

    Adds keys: ``img_lr`` (uint8, the shape of ``img``), ``lr_resolution`` (int, px). Changes
    ``img`` where it is flipped. Needs ``rng_key`` and ``epoch``, which FaceDataset gives.
    """

    def __init__(self, resolutions: Sequence[int] = (7, 14, 20), ratio: Sequence[float] = (1, 1, 2),
                 backend: str = 'pillow', flip: str | None = 'independent',
                 degradation: str | Sequence[str] = 'bicubic',
                 curriculum: dict[int, Sequence[float]] | None = None):
        if backend not in ('pillow', 'torch'):
            raise ValueError(f"backend must be 'pillow' or 'torch', got {backend!r}")
        self.backend = backend
        self.draw = MultiResDraw(resolutions, ratio, flip)
        kinds = (degradation,) if isinstance(degradation, str) else tuple(degradation)
        if not kinds:
            raise ValueError('degradation must not be empty')
        for kind in kinds:
            check_degradation(kind)
        if backend == 'torch' and kinds != ('bicubic',):
            raise ValueError("backend='torch' is for degradation='bicubic'")
        self.degradations = kinds
        if curriculum is not None and min(curriculum, default=-1) < 0:
            raise ValueError(f'curriculum needs epochs from 0 on, got {curriculum}')
        self.curriculum = {first: MultiResDraw(resolutions, changed, flip)
                           for first, changed in sorted((curriculum or {}).items())}

    def _draw_of(self, epoch: int) -> MultiResDraw:
        begun = [draw for first, draw in self.curriculum.items() if first <= epoch]
        return begun[-1] if begun else self.draw

    def transform(self, results: dict) -> dict:
        draw = self._draw_of(results['epoch']) if self.curriculum else self.draw
        resolution, flip_hr, flip_lr = draw(results['rng_key'])
        image = results['img']
        if self.backend == 'pillow':
            kind = self.degradations[0] if len(self.degradations) == 1 else self.degradations[
                choice(results['rng_key'], _DEGRADATION, (1,) * len(self.degradations))]
            low = degrade_image(image, int(resolution), kind)
        else:
            chw = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
            low = degrade(chw, int(resolution), 'fast').permute(1, 2, 0).numpy()
        results['img'] = cv2.flip(image, 1) if flip_hr else image
        results['img_lr'] = cv2.flip(low, 1) if flip_lr else low
        results['lr_resolution'] = int(resolution)
        return results

    def __repr__(self) -> str:
        return (f'MultiResAug(resolutions={tuple(self.draw.resolutions.tolist())}, '
                f'ratio={self.draw.ratio}, backend={self.backend!r}, flip={self.draw.flip!r}, '
                f'degradation={self.degradations}, '
                f'curriculum={ {k: d.ratio for k, d in self.curriculum.items()} })')
