"""Degradations that only resize."""
from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from lrfr_mm.ops.degradations.table import register
from lrfr_mm.ops.resample import degrade_array

__all__ = ['enlarge']


def enlarge(small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 RGB (h, w, 3) to (H, W, 3) of ``shape`` by Pillow's bicubic."""
    return np.asarray(Image.fromarray(small).resize(shape[1::-1], Image.Resampling.BICUBIC))


def _shrunk_by(interpolation: int) -> Callable[[np.ndarray, int], np.ndarray]:
    def shrink(image: np.ndarray, resolution: int) -> np.ndarray:
        small = cv2.resize(image, (resolution, resolution), interpolation=interpolation)
        return enlarge(small, image.shape)
    return shrink


@register('bicubic')
def _bicubic(image: np.ndarray, resolution: int) -> np.ndarray:
    return degrade_array(image, resolution)


@register('opencv')
def _opencv(image: np.ndarray, resolution: int) -> np.ndarray:
    small = cv2.resize(image, (resolution, resolution), interpolation=cv2.INTER_CUBIC)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


register('area')(_shrunk_by(cv2.INTER_AREA))
register('bilinear')(_shrunk_by(cv2.INTER_LINEAR))
register('nearest')(_shrunk_by(cv2.INTER_NEAREST))
