"""Other ways to a low resolution than the method's own, to train on and to test against.

The method shrinks by an antialiased bicubic kernel (:mod:`lrfr_mm.ops.resample`). Other people's
code, and cameras, do not.
"""
from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
import torch
from PIL import Image

from lrfr_mm.ops.resample import degrade, degrade_array

__all__ = ['DEGRADATIONS', 'check_degradation', 'degrade_image', 'degrade_images']


def _enlarge(small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(Image.fromarray(small).resize(shape[1::-1], Image.Resampling.BICUBIC))


def _shrunk_by(interpolation: int) -> Callable:
    def shrink(image: np.ndarray, resolution: int) -> np.ndarray:
        small = cv2.resize(image, (resolution, resolution), interpolation=interpolation)
        return _enlarge(small, image.shape)
    return shrink


def _opencv(image: np.ndarray, resolution: int) -> np.ndarray:
    small = cv2.resize(image, (resolution, resolution), interpolation=cv2.INTER_CUBIC)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _camera(image: np.ndarray, resolution: int) -> np.ndarray:
    """Lens, sensor and stream: blur of 0.6 px, box-shaped pixels, noise of 4 levels, JPEG 60.

    All at the low resolution. The noise depends on the image alone: the same image, the same noise.
    """
    sigma = .6 * max(image.shape[:2]) / resolution
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    small = cv2.resize(blurred, (resolution, resolution), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng([zlib.crc32(image.tobytes()), resolution])
    noisy = small + noise.normal(0, 4, small.shape)
    small = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    stream = cv2.imencode('.jpg', small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return _enlarge(cv2.imdecode(stream, cv2.IMREAD_COLOR)[..., ::-1], image.shape)


DEGRADATIONS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    'bicubic': degrade_array,
    'opencv': _opencv,
    'area': _shrunk_by(cv2.INTER_AREA),
    'bilinear': _shrunk_by(cv2.INTER_LINEAR),
    'nearest': _shrunk_by(cv2.INTER_NEAREST),
    'camera': _camera,
}


def degrade_image(image: np.ndarray, resolution: int, degradation: str = 'bicubic') -> np.ndarray:
    """One image down to r x r and up again.

    Args:
        image: uint8 RGB (H, W, 3).
        resolution: r, px.
        degradation: 'bicubic' is the method's (Pillow, antialiased). 'opencv' is
            ``cv2.INTER_CUBIC`` both ways, which does not antialias. 'area', 'bilinear' and
            'nearest' shrink by OpenCV's kernel of that name (only 'area' antialiases) and enlarge
            by 'bicubic'. 'camera' blurs, averages over each pixel, adds noise, compresses by JPEG
            at r x r, and enlarges by 'bicubic'.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: For an unknown degradation, a resolution below 1 or above the image's sides.
    """
    check_degradation(degradation)
    h, w = image.shape[:2]
    if resolution < 1 or resolution >= max(h, w):
        return degrade_array(image, resolution)  # an error, or the image
    return DEGRADATIONS[degradation](np.ascontiguousarray(image), resolution)


def degrade_images(images: torch.Tensor, resolution: int,
                   degradation: str = 'bicubic') -> torch.Tensor:
    """A batch of images, uint8 (B, 3, H, W) on any device, each as :func:`degrade_image` does."""
    if degradation == 'bicubic':
        return degrade(images, resolution)
    arrays = images.permute(0, 2, 3, 1).cpu().numpy()
    out = np.stack([degrade_image(array, resolution, degradation) for array in arrays])
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(images.device)


def check_degradation(name: str) -> None:
    """Raises ValueError for a name that :func:`degrade_image` does not know."""
    if name not in DEGRADATIONS:
        raise ValueError(f'degradation must be one of {", ".join(DEGRADATIONS)}, got {name!r}')
