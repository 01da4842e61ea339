"""From the five-point template to the frame of another alignment."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from lrfr_mm.registry import TRANSFORMS

__all__ = ['CropFace']


@TRANSFORMS.register_module()
class CropFace(BaseTransform):
    """Stretches a part of ``img`` to the whole, for networks that were trained on other crops.

    A detector's box, for example, is about the same part of every face on the five-point template.
    What lies outside of the image repeats its border. ``landmarks`` move along.

    Args:
        box: Left, top, right and bottom of the part, as fractions of width and height; they may lie
            outside of 0 to 1.

    Raises:
        ValueError: If the part has no area.
    """

    def __init__(self, box: Sequence[float]):
        left, top, right, bottom = box
        if not (left < right and top < bottom):
            raise ValueError(f'box must be (left, top, right, bottom), got {tuple(box)}')
        self.box = (left, top, right, bottom)

    def transform(self, results: dict) -> dict:
        image = results['img']
        h, w = image.shape[:2]
        left, top, right, bottom = self.box
        scale = np.array([1 / (right - left), 1 / (bottom - top)])
        corner = np.array([left * w, top * h])
        offset = (.5 - corner) * scale - .5  # pixel centres: x' + .5 = (x + .5 - corner) * scale
        matrix = np.column_stack([np.diag(scale), offset])
        results['img'] = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_CUBIC,
                                        borderMode=cv2.BORDER_REPLICATE)
        if 'landmarks' in results:
            points = np.asarray(results['landmarks'])
            results['landmarks'] = (points * scale + offset).astype(points.dtype)
        return results

    def __repr__(self) -> str:
        return f'CropFace(box={self.box})'
