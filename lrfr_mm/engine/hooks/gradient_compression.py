"""Gradients communicated in 16 bits."""
from __future__ import annotations

from mmengine.hooks import Hook

from lrfr_mm.engine.fully_sharded import is_fully_sharded
from lrfr_mm.errors import ConfigError
from lrfr_mm.registry import HOOKS

__all__ = ['GradientCompressionHook']


@HOOKS.register_module()
class GradientCompressionHook(Hook):
    """Communicates the gradients of data parallelism in 16 bits: half the bytes of a step.

    Args:
        kind: 'bf16' (NCCL) or 'fp16'.

    Raises:
        ValueError: For another kind, or a FullySharded model.
    """

    def __init__(self, kind: str = 'bf16'):
        if kind not in ('bf16', 'fp16'):
            raise ValueError(f"kind must be 'bf16' or 'fp16', got {kind!r}")
        self.kind = kind

    def before_train(self, runner) -> None:
        from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
        if is_fully_sharded(runner.model):
            raise ConfigError('GradientCompressionHook is for data-parallel models, not for '
                              'FullySharded ones')
        if hasattr(runner.model, 'register_comm_hook'):  # data parallel, not a single process
            runner.model.register_comm_hook(None, getattr(default_hooks,
                                                          f'{self.kind}_compress_hook'))
