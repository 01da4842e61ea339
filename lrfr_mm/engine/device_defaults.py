"""What a training on a GPU does by default, where the config leaves it open."""
from __future__ import annotations

import torch
from mmengine.config import Config

from lrfr_mm.registry import type_name

__all__ = ['set_device_defaults']

_FUSED = ('SGD', 'Adam', 'AdamW', 'Adagrad')  # of torch.optim, whose GPU kernels are stable


def set_device_defaults(config: Config) -> None:
    """On a GPU: one kernel for the whole optimizer step, batches in pinned memory, and workers
    that live as long as the training. On a CPU the config stays as it is.

    A value that the config has is kept; ``fused`` is left out where ``foreach``, ``capturable`` or
    ``differentiable`` is chosen.
    """
    if not torch.cuda.is_available():
        return
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer') or {}
    if type_name(optimizer) in _FUSED and not {'foreach', 'capturable', 'differentiable',
                                               'fused'} & set(optimizer):
        optimizer['fused'] = True
    loader = config.get('train_dataloader')
    if loader:
        loader.setdefault('pin_memory', True)
        if loader.get('num_workers'):
            loader.setdefault('persistent_workers', True)
