"""Blur kernels of lenses and of motion."""
from __future__ import annotations

import cv2
import numpy as np

__all__ = ['convolve', 'gaussian_kernel', 'motion_kernel']


def gaussian_kernel(sigma_x: float, sigma_y: float, angle: float = 0.) -> np.ndarray:
    """A Gaussian with standard deviations along two axes, turned.

    Args:
        sigma_x: Standard deviation along the first axis, px, above 0.
        sigma_y: Standard deviation along the second axis, px, above 0.
        angle: Of the first axis, radians.

    Returns:
        float64 (K, K), sum 1, K odd and at least 6 standard deviations wide.
    """
    radius = max(1, int(np.ceil(3 * max(sigma_x, sigma_y))))
    y, x = np.mgrid[-radius:radius + 1, -radius:radius + 1]
    u = (x * np.cos(angle) + y * np.sin(angle)) / sigma_x
    v = (y * np.cos(angle) - x * np.sin(angle)) / sigma_y
    kernel = np.exp(-.5 * (u * u + v * v))
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """A straight motion of constant speed while the shutter is open.

    Args:
        length: Of the path, px; 0 is no motion.
        angle: Of the path, radians.

    Returns:
        float64 (K, K), sum 1: each position of the path adds to its four nearest pixels.
    """
    radius = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    for t in np.linspace(-.5, .5, max(2, int(np.ceil(4 * length)) + 1)) * length:
        x, y = radius + t * np.cos(angle), radius + t * np.sin(angle)
        left, top = int(np.floor(x)), int(np.floor(y))
        fx, fy = x - left, y - top
        kernel[top:top + 2, left:left + 2] += np.outer((1 - fy, fy), (1 - fx, fx))
    return kernel / kernel.sum()


def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """``image`` (H, W, 3) float32, convolved with ``kernel``; the border is repeated outside."""
    return cv2.filter2D(image, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REPLICATE)
