"""Errors of the alignment as an augmentation."""
from __future__ import annotations

import numpy as np
import torch

from lrfr_mm.datasets.transforms.random_transform import RandomTransform
from lrfr_mm.ops.jitter import JitterDraw, jitter_images, jitter_landmarks
from lrfr_mm.registry import TRANSFORMS

__all__ = ['AlignmentJitter']


@TRANSFORMS.register_module()
class AlignmentJitter(RandomTransform):
    """Moves, turns, scales and bends the crop ``img`` as a detector's errors do.

    Before MultiResAug it changes both views alike; MultiResAug's own ``jitter`` changes the LR view
    alone.

    Args:
        scale: Largest relative change of the size.
        rotation: Largest turn, degrees.
        shift: Largest shift along each axis, as a share of the side.
        elastic: Largest displacement of a control point of the 4 x 4 grid, as a share of the side.
        prob: Share of the samples that are changed.
        seed: See :class:`RandomTransform`.

    Keys of the sample: reads and writes ``img`` (uint8 RGB (H, W, 3)) and, where there are any,
    ``landmarks`` ((5, 2), px).

    Raises:
        ValueError: For an argument out of range.
    """

    def __init__(self, scale: float = .05, rotation: float = 5., shift: float = .02,
                 elastic: float = .01, prob: float = 1., seed: int = 0):
        super().__init__(seed)
        self.draw = JitterDraw(scale, rotation, shift, elastic, prob)

    def transform(self, results: dict) -> dict:
        keys = np.array([self.key_of(results)])
        image = torch.from_numpy(np.ascontiguousarray(results['img'])).permute(2, 0, 1)[None]
        moved = jitter_images(image, self.draw, keys)[0]
        results['img'] = np.ascontiguousarray(moved.permute(1, 2, 0).numpy())
        if 'landmarks' in results:
            points = np.asarray(results['landmarks'])
            moved = jitter_landmarks(torch.from_numpy(points.astype(np.float64))[None], self.draw,
                                     keys, image.shape[-2:])
            results['landmarks'] = moved[0].numpy().astype(points.dtype)
        return results

    def __repr__(self) -> str:
        return f'AlignmentJitter({self.draw}, seed={self.seed})'
