"""The three augmentations of AdaFace (Kim et al., CVPR 2022, section 4.1), each with p = 0.2."""
from __future__ import annotations

import math

import cv2
import numpy as np

from lrfr_mm.datasets.transforms.random_transform import RandomTransform
from lrfr_mm.ops.draws import choice, uniform
from lrfr_mm.registry import TRANSFORMS

__all__ = ['RandomLowResolution', 'RandomPhotometric', 'RandomZeroCrop']

# Streams of draws.py, apart from those of multi_res.py and jitter.py.
_CROP, _LOW, _PHOTO = 80, 90, 100
_INTERPOLATIONS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC,
                   cv2.INTER_LANCZOS4)


class _WithProbability(RandomTransform):
    """Changes ``img`` (uint8 RGB (H, W, 3)) with probability ``prob`` by :meth:`change`."""

    stream: int

    def __init__(self, prob: float = .2, seed: int = 0):
        super().__init__(seed)
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be from 0 to 1, got {prob}')
        self.prob = prob

    def transform(self, results: dict) -> dict:
        key = self.key_of(results)
        if uniform(key, self.stream) < self.prob:
            results['img'] = self.change(results['img'], key)
        return results

    def change(self, image: np.ndarray, key: int) -> np.ndarray:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, seed={self.seed})'


@TRANSFORMS.register_module()
class RandomZeroCrop(_WithProbability):
    """Keeps a random rectangle where it is and sets all else to zero.

    The rectangle has 20 to 100 % of the area and an aspect ratio of 3/4 to 4/3, as torchvision's
    RandomResizedCrop draws them; nothing is resized.

    Args:
        prob: Share of the samples that are changed.
        seed: See :class:`RandomTransform`.
    """

    stream = _CROP

    def change(self, image: np.ndarray, key: int) -> np.ndarray:
        h, w = image.shape[:2]
        area = h * w * (.2 + .8 * uniform(key, _CROP + 1))
        ratio = math.exp((2 * uniform(key, _CROP + 2) - 1) * math.log(4 / 3))
        width = min(w, max(1, round(math.sqrt(area * ratio))))
        height = min(h, max(1, round(math.sqrt(area / ratio))))
        left = int(uniform(key, _CROP + 3) * (w - width + 1))
        top = int(uniform(key, _CROP + 4) * (h - height + 1))
        kept = np.zeros_like(image)
        kept[top:top + height, left:left + width] = image[top:top + height, left:left + width]
        return kept


@TRANSFORMS.register_module()
class RandomLowResolution(_WithProbability):
    """Shrinks to 20 to 100 % of the side and enlarges again, each by a random interpolation:
    nearest, linear, area, cubic or Lanczos.

    Args:
        prob: Share of the samples that are changed.
        seed: See :class:`RandomTransform`.
    """

    stream = _LOW

    def change(self, image: np.ndarray, key: int) -> np.ndarray:
        h, w = image.shape[:2]
        share = .2 + .8 * uniform(key, _LOW + 1)
        down, up = (_INTERPOLATIONS[choice(key, _LOW + k, (1,) * 5)] for k in (2, 3))
        small = cv2.resize(image, (max(1, int(w * share)), max(1, int(h * share))),
                           interpolation=down)
        return cv2.resize(small, (w, h), interpolation=up)


@TRANSFORMS.register_module()
class RandomPhotometric(_WithProbability):
    """Changes brightness, contrast and saturation, in a random order, each by a factor of 0.5 to
    1.5, as torchvision's ColorJitter does.

    Args:
        prob: Share of the samples that are changed.
        seed: See :class:`RandomTransform`.
    """

    stream = _PHOTO

    def change(self, image: np.ndarray, key: int) -> np.ndarray:
        x = image.astype(np.float32)
        order = sorted(range(3), key=lambda k: uniform(key, _PHOTO + 1 + k))
        for k in order:
            factor = .5 + uniform(key, _PHOTO + 4 + k)
            grey = x @ np.float32([[.299], [.587], [.114]])
            towards = (0., grey.mean(), grey)[k]  # brightness, contrast, saturation
            x = np.clip(towards + factor * (x - towards), 0, 255)
        return np.rint(x).astype(np.uint8)
