"""Noise, compression and sharpening, as a camera and its stream add them."""
from __future__ import annotations

import cv2
import numpy as np

__all__ = ['gaussian_noise', 'jpeg', 'poisson_noise', 'sharpen']


def gaussian_noise(image: np.ndarray, sigma: float, grey: bool, rng: np.random.Generator
                   ) -> np.ndarray:
    """``image`` (H, W, 3), float32 of 0 to 255, with additive noise of ``sigma`` levels.

    ``grey`` adds the same noise to all three channels.
    """
    return image + rng.normal(0, sigma, (*image.shape[:2], 1 if grey else 3)).astype(np.float32)


def poisson_noise(image: np.ndarray, scale: float, grey: bool, rng: np.random.Generator
                  ) -> np.ndarray:
    """``image`` (H, W, 3), float32 of 0 to 255, with shot noise.

    A pixel of value v (0 to 1) has the noise of v * 256 photons, times ``scale``; with ``grey``
    the noise of the luminance is added to all three channels.
    """
    value = np.clip(image, 0, 255) / 255
    if grey:
        value = value @ np.array([[.299], [.587], [.114]], np.float32)
    noise = rng.poisson(value * 256) / 256 - value
    return image + (255 * scale * noise).astype(np.float32)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """``image`` (H, W, 3) RGB, float32 of 0 to 255, through a JPEG of ``quality`` (1 to 100)."""
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    stream = cv2.imencode('.jpg', pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(stream, cv2.IMREAD_COLOR))[..., ::-1].astype(np.float32)


def sharpen(image: np.ndarray, amount: float, sigma: float) -> np.ndarray:
    """Unsharp masking of ``image`` (H, W, 3), float32: adds ``amount`` of what a blur removes."""
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return image + amount * (image - blurred)
