"""Stops a training whose numbers are no longer finite."""
from __future__ import annotations

import torch
from mmengine.hooks import Hook

from lrfr_mm.registry import HOOKS

__all__ = ['InvalidLossHook']


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stops a training whose loss is not finite, before another checkpoint is written.

    Args:
        interval: Iterations between two checks; each synchronises the CPU with the device.
    """

    def __init__(self, interval: int = 20):
        self.interval = interval

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            wrong = [name for name, value in outputs.items() if not torch.isfinite(value).all()]
            if wrong:
                raise FloatingPointError(f'{wrong[0]} is not finite at step {runner.iter + 1}: a '
                                         'lower learning rate or a longer warm-up may help')

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise FloatingPointError(f'{name} is not finite after step {runner.iter}: no '
                                         'checkpoint is written')
