"""What multi-resolution augmentation draws for each sample, and the views that it makes of a batch.

A transform draws for one sample at a time, the preprocessor for a batch; both call this module and
get the same draws and the same pixels.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from lrfr_mm.ops.degradations import check_degradation, degrade_images
from lrfr_mm.ops.draws import choice, uniform
from lrfr_mm.ops.jitter import JitterDraw, jitter_images
from lrfr_mm.ops.resample import degrade
from lrfr_mm.ops.transfer import to_device

__all__ = ['FLIP_HR', 'MultiResDraw', 'degrade_batch', 'flip_rows']

# Streams of draws.py: each names one thing that is drawn for a sample.
FLIP_HR, FLIP_LR, RESOLUTION, DEGRADATION = 0, 1, 2, 3


class MultiResDraw:
    """What the augmentation draws for a sample, from the sample's key alone.

    Args:
        resolutions: Sides of the LR view, px.
        ratio: How often each of them, relative to the others.
        flip: 'independent' flips each view with probability 1/2 of its own (as the authors' code
            does), 'shared' both or neither, None none.
        degradation: A name of :data:`lrfr_mm.ops.degradations.DEGRADATIONS`; of several names, each
            sample draws one.
        curriculum: ``{first epoch: ratio}``: from that epoch (the first is 0) on, another ratio.
        jitter: Arguments of :class:`~lrfr_mm.ops.jitter.JitterDraw`: the LR view is made of the
            face with an error of its alignment, the HR view stays as it is. None for none.

    Raises:
        ValueError: For empty or unequal lists, resolutions below 1, negative or all-zero ratios, an
            unknown degradation, epochs below 0.
    """

    def __init__(self, resolutions: Sequence[int] = (7, 14, 20), ratio: Sequence[float] = (1, 1, 2),
                 flip: str | None = 'independent', degradation: str | Sequence[str] = 'bicubic',
                 curriculum: Mapping[int, Sequence[float]] | None = None,
                 jitter: dict[str, Any] | None = None):
        self.jitter = JitterDraw(**jitter) if jitter is not None else None
        if flip not in ('independent', 'shared', None):
            raise ValueError(f"flip must be 'independent', 'shared' or None, got {flip!r}")
        _check_ratio(resolutions, ratio)
        self.resolutions, self.ratio, self.flip = np.array(resolutions), tuple(ratio), flip
        self.degradations = ((degradation,) if isinstance(degradation, str)
                             else tuple(degradation))
        if not self.degradations:
            raise ValueError('degradation must not be empty')
        for kind in self.degradations:
            check_degradation(kind)
        self.curriculum = dict(sorted((curriculum or {}).items()))
        if curriculum is not None and min(curriculum, default=-1) < 0:
            raise ValueError(f'curriculum needs epochs from 0 on, got {curriculum}')
        for changed in self.curriculum.values():
            _check_ratio(resolutions, changed)

    def ratio_at(self, epoch: int) -> tuple[float, ...]:
        """The ratio of the resolutions in ``epoch``, counted from 0."""
        if not self.curriculum:
            return self.ratio
        begun = [ratio for first, ratio in self.curriculum.items() if first <= epoch]
        return tuple(begun[-1]) if begun else self.ratio

    def __call__(self, key: Any, epoch: int = 0) -> tuple[Any, Any, Any]:
        """Draw for one sample or a batch.

        Args:
            key: Key of :func:`lrfr_mm.ops.draws.sample_key`, an int or int64 (B,).
            epoch: Counted from 0; only a curriculum depends on it.

        Returns:
            ``resolution`` (px, int), ``flip_hr`` and ``flip_lr`` (bool), each of the key's shape.
        """
        resolution = self.resolutions[choice(key, RESOLUTION, self.ratio_at(epoch))]
        if self.flip is None:
            none = np.zeros(np.shape(key), bool)
            return resolution, none, none
        flip_hr = uniform(key, FLIP_HR) < .5
        flip_lr = flip_hr if self.flip == 'shared' else uniform(key, FLIP_LR) < .5
        return resolution, flip_hr, flip_lr

    def degradation(self, key: Any) -> Any:
        """Index into ``degradations`` for each key, an int or int64 (B,)."""
        return choice(key, DEGRADATION, (1,) * len(self.degradations))

    def __repr__(self) -> str:
        return (f'resolutions={tuple(self.resolutions.tolist())}, ratio={self.ratio}, '
                f'flip={self.flip!r}, degradation={self.degradations}, '
                f'curriculum={self.curriculum}, jitter={self.jitter}')


def _check_ratio(resolutions: Sequence[int], ratio: Sequence[float]) -> None:
    if len(resolutions) == 0 or len(resolutions) != len(ratio):
        raise ValueError(f'resolutions {resolutions} and ratio {ratio} must be equally long, '
                         'and not empty')
    if min(resolutions) < 1 or min(ratio) < 0 or sum(ratio) <= 0:
        raise ValueError(f'resolutions {resolutions} must be at least 1 px, ratio {ratio} not '
                         'negative and not all zero')


def degrade_batch(images: torch.Tensor, draw: MultiResDraw, keys: np.ndarray,
                  resolution: np.ndarray, method: str = 'exact') -> torch.Tensor:
    """LR views of a batch as ``draw`` says.

    Args:
        images: uint8 (B, 3, H, W) on any device.
        draw: Names the degradations, and the jitter where there is any.
        keys: int64 (B,).
        resolution: Side of each image's LR view, px, int (B,).
        method: ``method`` of :func:`lrfr_mm.ops.resample.degrade`, for 'bicubic'.

    Returns:
        uint8 (B, 3, H, W).
    """
    if draw.jitter is not None:
        images = jitter_images(images, draw.jitter, keys)
    if draw.degradations == ('bicubic',):
        return degrade(images, resolution, method)
    kinds = draw.degradation(keys)
    out = torch.empty_like(images)
    for kind, r in sorted(set(zip(kinds.tolist(), resolution.tolist(), strict=True))):
        chosen = np.flatnonzero((kinds == kind) & (resolution == r))
        rows = to_device(chosen, images.device)
        out[rows] = degrade_images(images[rows], r, draw.degradations[kind], keys[chosen])
    return out


def flip_rows(images: torch.Tensor, flipped: np.ndarray) -> torch.Tensor:
    """A copy of ``images`` (B, C, H, W) in which those with ``flipped`` (B,) are mirrored."""
    rows = to_device(flipped.nonzero()[0], images.device)
    images = images.clone()
    images[rows] = images[rows].flip(-1)
    return images
