"""The table of degradations, and how one of them is applied."""
from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import torch

from lrfr_mm.ops.resample import degrade, degrade_array

__all__ = ['DEGRADATIONS', 'check_degradation', 'degrade_image', 'degrade_images', 'register']

DEGRADATIONS: dict[str, Any] = {}


def register(name: str, draws: bool = False) -> Callable[[Any], Any]:
    """Decorator that enters a function into ``DEGRADATIONS``.

    Args:
        name: What ``degradation=`` calls it.
        draws: Whether the function draws random numbers. It is then called
            ``function(image, resolution, rng)`` with a ``numpy.random.Generator``, otherwise
            ``function(image, resolution)``. ``image`` is uint8 RGB (H, W, 3), contiguous, larger
            than ``resolution``; the result has its shape and type.

    Raises:
        ValueError: If the name is taken.
    """
    def enter(function: Any) -> Any:
        if name in DEGRADATIONS:
            raise ValueError(f'there is a degradation {name!r} already')
        function.draws = draws
        DEGRADATIONS[name] = function
        return function
    return enter


def degrade_image(image: np.ndarray, resolution: int, degradation: str = 'bicubic',
                  key: int | None = None) -> np.ndarray:
    """One image down to r x r and up again.

    Args:
        image: uint8 RGB (H, W, 3).
        resolution: r, px.
        degradation: A name of ``DEGRADATIONS``. 'bicubic' is the method's (Pillow, antialiased).
            'opencv' is ``cv2.INTER_CUBIC`` both ways, which does not antialias. 'area', 'bilinear'
            and 'nearest' shrink by OpenCV's kernel of that name (only 'area' antialiases) and
            enlarge by 'bicubic'. 'camera' blurs, averages over each pixel, adds noise, compresses
            by JPEG at r x r, and enlarges by 'bicubic'. 'second_order' draws two rounds of blur,
            resizing, noise and compression.
        key: Seed of what a random degradation draws. Without one it is computed from the image:
            the same image, the same draws.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: For an unknown degradation, a resolution below 1 or above the image's sides.
    """
    check_degradation(degradation)
    h, w = image.shape[:2]
    if resolution < 1 or resolution >= max(h, w):
        return degrade_array(image, resolution)  # an error, or the image
    image = np.ascontiguousarray(image)
    function = DEGRADATIONS[degradation]
    if not function.draws:
        return function(image, resolution)
    seed = zlib.crc32(image.tobytes()) if key is None else int(key)
    return function(image, resolution, np.random.default_rng([seed, resolution]))


def degrade_images(images: torch.Tensor, resolution: int, degradation: str = 'bicubic',
                   keys: Sequence[int] | np.ndarray | None = None) -> torch.Tensor:
    """A batch of images, each as :func:`degrade_image` does, with the same pixels.

    'bicubic' is computed on the images' device; the others on the CPU, one image at a time.

    Args:
        images: uint8 (B, 3, H, W) on any device.
        resolution: r, px.
        degradation: See :func:`degrade_image`.
        keys: ``key`` of each image, (B,), or None.

    Returns:
        uint8 (B, 3, H, W) on the same device.
    """
    if degradation == 'bicubic':
        return degrade(images, resolution)
    arrays = images.permute(0, 2, 3, 1).cpu().numpy()
    each = repeat(None, len(arrays)) if keys is None else keys
    out = np.stack([degrade_image(array, resolution, degradation, key)
                    for array, key in zip(arrays, each, strict=True)])
    return torch.from_numpy(out).permute(0, 3, 1, 2).to(images.device)


def check_degradation(name: str) -> None:
    """Raises ValueError for a name that :func:`degrade_image` does not know."""
    if name not in DEGRADATIONS:
        raise ValueError(f'degradation must be one of {", ".join(DEGRADATIONS)}, got {name!r}')
