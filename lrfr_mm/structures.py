"""What travels beside the images of a batch."""
from __future__ import annotations

import torch
from mmengine.structures import BaseDataElement

__all__ = ['FaceDataSample', 'stack_field']


class FaceDataSample(BaseDataElement):
    """Annotations and predictions of one face, or of a whole batch.

    Fields, each a scalar tensor for one face or (B,) / (B, D) for a batch:

    - ``gt_label``: int64, identity.
    - ``sample_idx``: int64, position in the data set.
    - ``rng_key``: int64, the seed of everything random about this visit of the sample.
    - ``lr_resolution``: int64, side in px of the LR view, where there is one.
    - ``embedding``: float32 (D,) or (B, D), after ``mode='predict'``.
    """


def stack_field(samples: FaceDataSample | list[FaceDataSample], name: str) -> torch.Tensor:
    """Field ``name`` of a batched sample, or of a list of single ones, as one (B, ...) tensor."""
    if isinstance(samples, FaceDataSample):
        return torch.as_tensor(samples.get(name))
    return torch.stack([torch.as_tensor(sample.get(name)) for sample in samples])
