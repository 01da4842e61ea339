"""Low-resolution views as Pillow makes them, for whole batches and on any device.

Pillow's bicubic resize is separable: the Keys kernel (a = -0.5), widened by the scale when it
shrinks, in fixed-point weights of 22 bits, first along x and then along y (for square images; it
may swap the passes for others), each pass rounded to uint8. Sums of such products stay below 2^53,
so a float64 matrix product gives the same integers.
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from lrfr_mm.ops.transfer import to_device

__all__ = ['bicubic_products', 'bicubic_weights', 'degrade', 'degrade_array']

_PRECISION_BITS = 22


def _keys(x: np.ndarray) -> np.ndarray:
    """Cubic convolution kernel with a = -0.5 (Keys, 1981, eq. 15)."""
    x = np.abs(x)
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.))


@lru_cache(maxsize=256)
def bicubic_weights(size_in: int, size_out: int) -> np.ndarray:
    """Integer weights W of a 1-D bicubic resize: out = (W @ in + 2^21) >> 22, clamped to uint8.

    Args:
        size_in: Length of the input, px.
        size_out: Length of the output, px.

    Returns:
        int64 (size_out, size_in).

    Raises:
        ValueError: If a size is below 1.
    """
    if size_in < 1 or size_out < 1:
        raise ValueError(f'sizes must be at least 1 px, got {size_in} -> {size_out}')
    scale = size_in / size_out
    widen = max(scale, 1.)
    support = 2. * widen
    weights = np.zeros((size_out, size_in))
    for row in range(size_out):
        centre = (row + .5) * scale
        first = max(int(centre - support + .5), 0)
        last = min(int(centre + support + .5), size_in)
        taps = _keys((np.arange(first, last) - centre + .5) / widen)
        weights[row, first:last] = taps / taps.sum()
    fixed = weights * (1 << _PRECISION_BITS)
    result = np.trunc(fixed + np.where(fixed < 0, -.5, .5)).astype(np.int64)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=64)
def _matrix(size_in: int, size_out: int, device: torch.device) -> torch.Tensor:
    weights = torch.from_numpy(bicubic_weights(size_in, size_out).copy())
    return weights.to(device=device, dtype=torch.float64)


def _round(sums: torch.Tensor) -> torch.Tensor:
    half = 1 << (_PRECISION_BITS - 1)
    return ((sums + half) * 2. ** -_PRECISION_BITS).floor_().clamp_(0, 255)


def _resize_float(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    h, w = images.shape[-2:]
    if w != width:
        images = _round(images @ _matrix(w, width, images.device).T)
    if h != height:
        images = _round(_matrix(h, height, images.device) @ images)
    return images


def degrade(images: Any, resolution: Any, method: str = 'exact') -> Any:
    """Low-resolution views: bicubic down to r x r and bicubic up again.

    Args:
        images: uint8 (..., C, H, W), a torch tensor on any device or a numpy array.
        resolution: r in px, one for all images, or one for each of the first axis (sequence (B,)).
        method: 'exact' equals Pillow on every pixel: it is Pillow on CPU tensors; elsewhere
            'batched' for batches of square images, else 'matrix'. 'matrix' is the pair of matrix
            products above, on any device, equal to Pillow for square images. 'batched' does all
            resolutions of a batch in one product with matrices that are padded to the largest, for
            GPUs, where a loop over resolutions leaves the device idle; 'compiled' is 'batched' in
            one graph of torch.compile. Both need square images and give the same pixels. 'fast'
            (CPU only) is torch's antialiased uint8 interpolation: several times faster, at most a
            few grey levels from Pillow.

    Returns:
        uint8 of the same shape and kind; unchanged where r is the side of the image.

    Raises:
        ValueError: For another dtype, a resolution below 1 or above both sides of the image, a
            wrong number of resolutions.
    """
    if isinstance(images, np.ndarray):
        # A copy, since the array may be read-only.
        return degrade(torch.tensor(images), resolution, method).numpy()
    if images.dtype != torch.uint8:
        raise ValueError(f'images must be uint8, got {images.dtype}')
    if images.dim() < 3:
        raise ValueError(f'images must be (..., C, H, W), got shape {tuple(images.shape)}')
    if method not in ('exact', 'matrix', 'batched', 'compiled', 'fast'):
        raise ValueError("method must be 'exact', 'matrix', 'batched', 'compiled' or 'fast', got "
                         f'{method!r}')
    resolution = np.asarray(resolution)
    if method == 'exact' and images.device.type != 'cpu' and _is_square_batch(images):
        method = 'batched'
    if (resolution < 1).any():
        raise ValueError(f'resolution must be at least 1 px, got {resolution.min()}')
    if method in ('batched', 'compiled'):
        return _degrade_batched(images, resolution, method)
    if resolution.ndim == 0:
        return _degrade_group(images, int(resolution), method)
    if resolution.ndim != 1 or images.dim() < 4 or len(resolution) != len(images):
        raise ValueError(f'{resolution.size} resolutions for images {tuple(images.shape)}')
    out = torch.empty_like(images)
    for r in np.unique(resolution):
        rows = to_device(np.flatnonzero(resolution == r), images.device)
        out[rows] = _degrade_group(images[rows], int(r), method)
    return out


def _is_square_batch(images: torch.Tensor) -> bool:
    return images.dim() == 4 and images.shape[-2] == images.shape[-1]


def _degrade_batched(images: torch.Tensor, resolution: np.ndarray, method: str) -> torch.Tensor:
    side = images.shape[-1]
    if not _is_square_batch(images):
        raise ValueError(f'method={method!r} needs square images (B, C, H, H), got '
                         f'{tuple(images.shape)}')
    if resolution.max() > side:
        raise ValueError(f'resolution {resolution.max()} px is above the image\'s {side}x{side}')
    every = np.broadcast_to(resolution, len(images))
    sizes, index = np.unique(every, return_inverse=True)
    down, up = _padded_matrices(tuple(sizes.tolist()), side, images.device)
    places = to_device(index.astype(np.int64), images.device)
    function = bicubic_products if method == 'batched' else _compiled_products()
    return function(images, down[places], up[places])


@lru_cache(maxsize=8)
def _padded_matrices(sizes: tuple[int, ...], side: int, device: torch.device
                     ) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights down to and up from each size, float64 (K, R, side) and (K, side, R), padded with
    zeros to R, the largest size. A size of the whole side is the identity.
    """
    largest = max(sizes)
    down = torch.zeros(len(sizes), largest, side, dtype=torch.float64)
    up = torch.zeros(len(sizes), side, largest, dtype=torch.float64)
    for k, size in enumerate(sizes):
        down[k, :size] = torch.from_numpy(bicubic_weights(side, size).copy())
        up[k, :, :size] = torch.from_numpy(bicubic_weights(size, side).copy())
    return down.to(device), up.to(device)


def bicubic_products(images: torch.Tensor, down: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """The four passes as batched matrix products: no loop, no shape that depends on the draw.

    Args:
        images: uint8 (B, C, S, S).
        down: Weights of each image, float64 (B, R, S), padded with rows of zeros.
        up: float64 (B, S, R).

    Returns:
        uint8 (B, C, S, S).
    """
    down, up = down[:, None], up[:, None]
    small = _round(down @ _round(images.double() @ down.mT))
    return _round(up @ _round(small @ up.mT)).to(torch.uint8)


@lru_cache(maxsize=1)
def _compiled_products() -> Any:
    return torch.compile(bicubic_products, fullgraph=True)


def _degrade_group(images: torch.Tensor, r: int, method: str) -> torch.Tensor:
    h, w = images.shape[-2:]
    if _is_full(r, h, w):
        return images.clone()
    if method == 'exact':
        method = 'matrix' if images.device.type != 'cpu' else 'pillow'
    if method == 'pillow':
        return _degrade_pillow(images.reshape(-1, *images.shape[-3:]), r).reshape(images.shape)
    if method == 'matrix':
        small = _resize_float(images.contiguous().double(), r, r)
        return _resize_float(small, h, w).to(torch.uint8)
    if images.device.type != 'cpu':
        raise ValueError("method='fast' is for CPU tensors")
    flat = images.reshape(-1, *images.shape[-3:]).contiguous(memory_format=torch.channels_last)
    small = F.interpolate(flat, (r, r), mode='bicubic', antialias=True)
    return F.interpolate(small, (h, w), mode='bicubic', antialias=True).reshape(images.shape)


def _is_full(r: int, h: int, w: int) -> bool:
    if r < 1:
        raise ValueError(f'resolution must be at least 1 px, got {r}')
    if r > max(h, w):
        raise ValueError(f'resolution {r} px is above the image\'s {w}x{h}')
    return r >= h and r >= w


def _degrade_pillow(images: torch.Tensor, r: int) -> torch.Tensor:
    if images.shape[1] != 3:
        return torch.cat([_degrade_pillow(plane.expand(-1, 3, -1, -1), r)[:, :1]
                          for plane in images.split(1, dim=1)], 1)
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()  # no copy of a channels-last batch
    out = np.empty_like(arrays)
    for k, array in enumerate(arrays):
        out[k] = degrade_array(array, r)
    return torch.from_numpy(out).permute(0, 3, 1, 2)


def degrade_array(image: np.ndarray, resolution: int) -> np.ndarray:
    """One image, uint8 (H, W, 3) or (H, W), down to r x r and up again with Pillow itself.

    Raises:
        ValueError: For a resolution below 1, or above both sides of the image.
    """
    h, w = image.shape[:2]
    if _is_full(resolution, h, w):
        return image.copy()
    small = Image.fromarray(image).resize((resolution, resolution), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((w, h), Image.Resampling.BICUBIC))
