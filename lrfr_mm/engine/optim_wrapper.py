"""Mixed precision on any device that has bfloat16."""
from __future__ import annotations

from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper

from lrfr_mm.registry import OPTIM_WRAPPERS

__all__ = ['Bf16OptimWrapper']


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """OptimWrapper under bfloat16 autocast, on CPU as on GPU; bfloat16 needs no loss scaling.

    Raises:
        ValueError: On a GPU without bfloat16.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.device_type = get_device()
        if self.device_type == 'cuda' and not torch.cuda.is_bf16_supported():
            raise ValueError(f'{torch.cuda.get_device_name()} has no bfloat16: train without --amp')

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast(self.device_type, torch.bfloat16):
            yield
