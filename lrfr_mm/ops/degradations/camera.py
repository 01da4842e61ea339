"""A fixed camera: lens, sensor and stream."""
from __future__ import annotations

import zlib

import cv2
import numpy as np

from lrfr_mm.ops.degradations.kernels import enlarge
from lrfr_mm.ops.degradations.table import register


@register('camera')
def _camera(image: np.ndarray, resolution: int) -> np.ndarray:
    """Blur of 0.6 px, box-shaped pixels, noise of 4 levels, JPEG 60, all at the low resolution.

    The noise depends on the image alone: the same image, the same noise.
    """
    sigma = .6 * max(image.shape[:2]) / resolution
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    small = cv2.resize(blurred, (resolution, resolution), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng([zlib.crc32(image.tobytes()), resolution])
    noisy = small + noise.normal(0, 4, small.shape)
    small = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    stream = cv2.imencode('.jpg', small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return enlarge(np.asarray(cv2.imdecode(stream, cv2.IMREAD_COLOR))[..., ::-1], image.shape)
