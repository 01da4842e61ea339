"""The other transforms of the sample path."""
from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from lrfr_mm.datasets.transforms.random_transform import RandomTransform
from lrfr_mm.ops.align import centre_crop, crop_landmarks, flip_landmarks
from lrfr_mm.ops.degradations import check_degradation, degrade_image
from lrfr_mm.ops.draws import uniform
from lrfr_mm.ops.multi_res import FLIP_HR
from lrfr_mm.registry import TRANSFORMS

__all__ = ['FaceFlip', 'FixedResolution', 'RandomFlip', 'ResizeFace']


@TRANSFORMS.register_module(name=['FaceFlip', 'RandomFlip'])
class FaceFlip(RandomTransform):
    """Mirrors ``img``, and ``landmarks`` where there are any, with probability ``prob``.

    The paper's Baseline; MultiResAug flips by itself. ``RandomFlip`` is its former name, which in
    mmcv belongs to another transform.

    Args:
        prob: From 0 to 1. At 1/2 the same samples are flipped as by MultiResAug.
        seed: See :class:`RandomTransform`.
    """

    def __init__(self, prob: float = .5, seed: int = 0):
        super().__init__(seed)
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be from 0 to 1, got {prob}')
        self.prob = prob

    def transform(self, results: dict) -> dict:
        if uniform(self.key_of(results), FLIP_HR) < self.prob:
            results['img'] = cv2.flip(results['img'], 1)
            if 'landmarks' in results:
                results['landmarks'] = flip_landmarks(np.asarray(results['landmarks']),
                                                      results['img'].shape[1])
        return results

    def __repr__(self) -> str:
        return f'FaceFlip(prob={self.prob}, seed={self.seed})'


RandomFlip = FaceFlip


@TRANSFORMS.register_module()
class FixedResolution(BaseTransform):
    """Degrades ``img`` to one resolution, for evaluation.

    Args:
        resolution: Side in px.
        degradation: The method's 'bicubic', or another of
            :func:`~lrfr_mm.ops.degradations.degrade_image`.
    """

    def __init__(self, resolution: int, degradation: str = 'bicubic'):
        if resolution < 1:
            raise ValueError(f'resolution must be at least 1 px, got {resolution}')
        check_degradation(degradation)
        self.resolution, self.degradation = resolution, degradation

    def transform(self, results: dict) -> dict:
        results['img'] = degrade_image(np.ascontiguousarray(results['img']), self.resolution,
                                       self.degradation)
        return results

    def __repr__(self) -> str:
        return f'FixedResolution(resolution={self.resolution}, degradation={self.degradation!r})'


@TRANSFORMS.register_module()
class ResizeFace(BaseTransform):
    """Brings ``img`` to size x size: a centre crop to a square, then an antialiased resize.

    For sets that are aligned, but at another size. It does not align. ``landmarks`` move along.

    Args:
        size: Side of the result, px.
    """

    def __init__(self, size: int = 112):
        self.size = size

    def transform(self, results: dict) -> dict:
        if 'landmarks' in results:
            results['landmarks'] = crop_landmarks(np.asarray(results['landmarks']),
                                                  results['img'].shape, self.size)
        results['img'] = centre_crop(results['img'], self.size)
        return results

    def __repr__(self) -> str:
        return f'ResizeFace(size={self.size})'
