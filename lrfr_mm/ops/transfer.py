"""Copies of small arrays to a device without waiting for the work that is queued there."""
from __future__ import annotations

import numpy as np
import torch

__all__ = ['to_device']


def to_device(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """``array`` as a tensor on ``device``, of the same shape and dtype.

    On a GPU it goes through pinned memory: a copy from ordinary memory would wait until the device
    has finished all that was queued before.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == 'cuda':
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
