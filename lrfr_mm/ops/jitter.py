"""Alignment jitter: what a landmark detector gets wrong, as an augmentation.

ARoFace (Saadabadi et al., ECCV 2024) jitters scale, rotation and shift of the crop, DArFace adds an
elastic deformation. Detectors make larger errors on small faces, so recognizers that are adapted to
them see such errors in training.
"""
from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from lrfr_mm.ops.draws import uniform

__all__ = ['JitterDraw', 'jitter_images', 'jitter_landmarks']

# Streams of draws.py, apart from those of multi_res.py.
_SCALE, _ROTATION, _SHIFT_X, _SHIFT_Y, _APPLY, _ELASTIC = 16, 17, 18, 19, 20, 32
_GRID = 4  # side of the elastic deformation's control grid


class JitterDraw:
    """Where each pixel of a jittered crop comes from, drawn from the sample's key alone.

    Args:
        scale: Largest relative change of the size: 0.05 is from 1 / 1.05 to 1.05, uniform in its
            logarithm.
        rotation: Largest turn, degrees.
        shift: Largest shift along each axis, as a share of the side: 0.02 is 2.24 px of 112.
        elastic: Largest displacement of a control point of the 4 x 4 grid, as a share of the side.
        prob: Share of the samples that are jittered at all.

    Raises:
        ValueError: For a negative number, or a probability above 1.
    """

    def __init__(self, scale: float = .05, rotation: float = 5., shift: float = .02,
                 elastic: float = 0., prob: float = 1.):
        values = dict(scale=scale, rotation=rotation, shift=shift, elastic=elastic, prob=prob)
        for name, value in values.items():
            if not 0 <= value < math.inf:
                raise ValueError(f'{name} must be at least 0, got {value}')
        if prob > 1:
            raise ValueError(f'prob must be at most 1, got {prob}')
        self.scale, self.rotation, self.shift = scale, rotation, shift
        self.elastic, self.prob = elastic, prob

    def matrices(self, keys: np.ndarray) -> np.ndarray:
        """Affine part, float64 (B, 2, 3), from the result's to the source's coordinates.

        Coordinates are those of ``torch.nn.functional.affine_grid``: -1 and 1 at the image's edges.

        Args:
            keys: int64 (B,), of :func:`lrfr_mm.ops.draws.sample_key`.
        """
        applied = self._applied(keys)
        size = np.exp(_signed(keys, _SCALE) * math.log1p(self.scale) * applied)
        turn = np.radians(_signed(keys, _ROTATION) * self.rotation * applied)
        shift_x = 2 * _signed(keys, _SHIFT_X) * self.shift * applied
        shift_y = 2 * _signed(keys, _SHIFT_Y) * self.shift * applied
        cos, sin = np.cos(turn) / size, np.sin(turn) / size
        return np.stack([np.stack([cos, -sin, shift_x], -1), np.stack([sin, cos, shift_y], -1)], -2)

    def displacements(self, keys: np.ndarray) -> np.ndarray:
        """Elastic part at the control points, float64 (B, 2, 4, 4): x and y, -1 to 1 per image."""
        points = [_signed(keys, _ELASTIC + k) for k in range(2 * _GRID * _GRID)]
        field = np.stack(points, -1).reshape(-1, 2, _GRID, _GRID)
        return 2 * self.elastic * field * self._applied(keys)[:, None, None, None]

    def _applied(self, keys: np.ndarray) -> np.ndarray:
        return (uniform(keys, _APPLY) < self.prob).astype(float)

    def __repr__(self) -> str:
        return (f'JitterDraw(scale={self.scale}, rotation={self.rotation}, shift={self.shift}, '
                f'elastic={self.elastic}, prob={self.prob})')


def _signed(keys: np.ndarray, stream: int) -> np.ndarray:
    return 2 * uniform(keys, stream) - 1


def jitter_images(images: torch.Tensor, draw: JitterDraw, keys: np.ndarray) -> torch.Tensor:
    """Jittered crops of a batch, bilinear, with the border repeated outside.

    Args:
        images: uint8 (B, 3, H, W) on any device.
        draw: What to draw.
        keys: int64 (B,).

    Returns:
        uint8 (B, 3, H, W).
    """
    matrices = torch.from_numpy(draw.matrices(keys)).float().to(images.device)
    grid = F.affine_grid(matrices, images.shape, align_corners=False)
    if draw.elastic:
        field = torch.from_numpy(draw.displacements(keys)).float().to(images.device)
        field = F.interpolate(field, images.shape[-2:], mode='bicubic', align_corners=False)
        grid = grid + field.permute(0, 2, 3, 1)
    moved = F.grid_sample(images.float(), grid, mode='bilinear', padding_mode='border',
                          align_corners=False)
    return moved.round().clamp(0, 255).to(torch.uint8)


def jitter_landmarks(points: torch.Tensor, draw: JitterDraw, keys: np.ndarray,
                     size: tuple[int, int]) -> torch.Tensor:
    """Landmarks of the jittered crops; the elastic part, which is small, is left out.

    Args:
        points: (B, N, 2), x and y in px of the images before the jitter.
        draw: As for the images.
        keys: int64 (B,).
        size: Height and width of the images, px.

    Returns:
        (B, N, 2), x and y in px, of the type of ``points``.
    """
    matrices = torch.from_numpy(draw.matrices(keys)).to(points)
    side = points.new_tensor([size[1], size[0]])
    unit = (2 * points + 1) / side - 1
    linear, shift = matrices[:, :, :2], matrices[:, :, 2]
    back = torch.linalg.solve(linear, (unit - shift[:, None]).transpose(1, 2)).transpose(1, 2)
    return ((back + 1) * side - 1) / 2
