"""How much of a face is left at a resolution."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.metrics import structural_similarity

from lrfr_mm.ops.degradations import degrade_image

__all__ = ['mean_ssim']


def mean_ssim(images: Sequence[np.ndarray], resolution: int,
              degradation: str = 'bicubic') -> float:
    """Mean structural similarity (Wang et al., 2004) of images with their degraded selves.

    Args:
        images: uint8 RGB (H, W, 3) each.
        resolution: Side of the degraded image, px.
        degradation: See :func:`~lrfr_mm.ops.degradations.degrade_image`.

    Returns:
        From -1 to 1; 1 where nothing is lost.
    """
    return float(np.mean([structural_similarity(  # type: ignore[no-untyped-call]
        image, degrade_image(image, resolution, degradation), channel_axis=2, data_range=255)
        for image in images]))
