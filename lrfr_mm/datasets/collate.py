"""Samples to a batch of the model's inputs."""
from __future__ import annotations

import numpy as np
import torch

from lrfr_mm.errors import InputError
from lrfr_mm.registry import FUNCTIONS
from lrfr_mm.structures import FaceDataSample

__all__ = ['face_collate']


def _stack(samples: list[dict], key: str) -> torch.Tensor:
    shapes = {sample[key].shape for sample in samples}
    if len(shapes) > 1:
        raise InputError(f'images of one batch have different shapes, {key}: '
                         f'{" and ".join(map(str, sorted(shapes)))}; put '
                         "dict(type='ResizeFace') into the pipeline")
    # Stacked as (B, H, W, 3): permuting gives (B, 3, H, W) in channels-last layout, no copy.
    return torch.from_numpy(np.stack([sample[key] for sample in samples])).permute(0, 3, 1, 2)


@FUNCTIONS.register_module()
def face_collate(samples: list[dict]) -> dict:
    """Stack samples: ``dict(inputs=dict(hr=uint8 (B, 3, H, W)[, lr=...]), data_samples=...)``.

    ``data_samples`` is one batched FaceDataSample; see there for its fields. A field is there if
    all samples have it: ``dict(img=...)`` alone is enough.

    Args:
        samples: Dicts with ``img`` and, after MultiResAug, ``img_lr``: uint8 RGB (H, W, 3).

    Raises:
        InputError: If images of one batch differ in shape.
    """
    inputs = dict(hr=_stack(samples, 'img'))
    if all('img_lr' in sample for sample in samples):
        inputs['lr'] = _stack(samples, 'img_lr')
    batch = FaceDataSample()
    for field in ('gt_label', 'sample_idx', 'rng_key', 'epoch', 'lr_resolution'):
        if all(field in sample for sample in samples):
            batch.set_data({field: torch.tensor([s[field] for s in samples], dtype=torch.int64)})
    for field in ('landmarks', 'landmarks_lr'):
        if all(field in sample for sample in samples):
            points = np.stack([sample[field] for sample in samples]).astype(np.float32)
            batch.set_data({field: torch.from_numpy(points)})
    return dict(inputs=inputs, data_samples=batch)
