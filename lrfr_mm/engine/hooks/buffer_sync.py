"""The same buffers on all ranks wherever a network is measured or saved."""
from __future__ import annotations

import torch
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.model import is_model_wrapper
from torch import distributed as dist
from torch import nn

from lrfr_mm.registry import HOOKS

__all__ = ['BufferSyncHook', 'average_buffers']


@HOOKS.register_module()
class BufferSyncHook(Hook):
    """Averages the buffers (batch-norm statistics) over all ranks before each validation and each
    checkpoint, so that the validated network, the checkpoint and the network of every rank are one.

    Data parallelism synchronises gradients only: each rank's statistics are those of its own
    images. The buffers of an EMAHook's model are averaged with them. The build registers this hook
    when there are several ranks.
    """

    # After EMAHook (NORMAL) has updated its model, before CheckpointHook (VERY_LOW) saves.
    priority = 'LOW'

    def __init__(self):
        self._differ = False

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self._differ = True
        if any(isinstance(hook, CheckpointHook) and not hook.by_epoch
               and (self.every_n_train_iters(runner, hook.interval)
                    or (hook.save_last and self.is_last_train_iter(runner)))
               for hook in runner.hooks):
            self.synchronise(runner)

    def after_train_epoch(self, runner) -> None:
        self.synchronise(runner)

    def before_val_epoch(self, runner) -> None:
        self.synchronise(runner)

    def synchronise(self, runner) -> None:
        """Average the buffers if a step was made since the last time; all ranks must call it."""
        if not self._differ:
            return
        average_buffers(runner.model)
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                average_buffers(hook.ema_model)
        self._differ = False


@torch.no_grad()
def average_buffers(model: nn.Module) -> None:
    """Set every buffer of ``model`` to its mean over all ranks, integers to those of rank 0.

    Class shards (``_ddp_params_and_buffers_to_ignore``), which belong to one rank, are left alone.
    """
    model = model.module if is_model_wrapper(model) else model
    own = set(getattr(model, '_ddp_params_and_buffers_to_ignore', ()))
    world = dist.get_world_size()
    for name, buffer in model.named_buffers():
        if name in own:
            continue
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= world
        else:
            dist.broadcast(buffer, 0)
