"""Whole tensors for the checkpoints and validations of a FullySharded model."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.hooks import Hook
from torch import distributed as dist

from lrfr_mm.engine.checkpoint import spread_like, whole_tensor
from lrfr_mm.registry import HOOKS

__all__ = ['FullyShardedHook', 'whole_states']


@HOOKS.register_module()
class FullyShardedHook(Hook):
    """Whole tensors for checkpoints and tests of a FullySharded model. The build registers it."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.whole = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['state_dict'] = dict(self.whole['model'])
        if 'optimizer' in checkpoint:
            optimizer = self.whole['optimizer']  # hooks may take entries out
            checkpoint['optimizer'] = dict(optimizer, state=dict(optimizer['state']))

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        own = runner.model.state_dict()
        checkpoint['state_dict'] = {key: spread_like(value, own[key]) if key in own else value
                                    for key, value in checkpoint['state_dict'].items()}
        if 'optimizer' not in checkpoint:
            return
        parameters = [p for group in runner.optim_wrapper.optimizer.param_groups
                      for p in group['params']]
        for position, state in checkpoint['optimizer']['state'].items():
            parameter = parameters[position]
            for key, value in state.items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    state[key] = spread_like(value, parameter)

    def before_val_epoch(self, runner) -> None:
        # Ranks may embed different numbers of batches: no forward pass may contain a collective.
        for part in runner.model.modules():
            if hasattr(part, 'unshard'):
                part.set_reshard_after_forward(False, recurse=False)
                part.unshard()

    def after_val_epoch(self, runner, metrics=None) -> None:
        again = runner.cfg.model_wrapper_cfg.get('reshard_after_forward', True)
        for part in runner.model.modules():
            if hasattr(part, 'unshard'):
                part.set_reshard_after_forward(again and part is not runner.model, recurse=False)
                part.reshard()

    before_test_epoch, after_test_epoch = before_val_epoch, after_val_epoch


@contextmanager
def whole_states(runner) -> Iterator[None]:
    """Context in which rank 0 can write checkpoints of a FullySharded model; all ranks enter it."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, FullyShardedHook)]
    main = dist.is_initialized() and dist.get_rank() == 0

    def whole(node):
        if isinstance(node, torch.Tensor):
            tensor = whole_tensor(node)
            return tensor.cpu() if main else None
        if isinstance(node, dict):
            return {key: whole(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return type(node)(whole(value) for value in node)
        return node

    for hook in hooks:
        hook.whole = dict(model=whole(runner.model.state_dict()),
                          optimizer=whole(runner.optim_wrapper.state_dict()))
    try:
        yield
    finally:
        for hook in hooks:
            hook.whole = None
