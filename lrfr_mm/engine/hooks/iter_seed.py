"""A random state that depends on (run seed, rank, iteration) alone."""
from __future__ import annotations

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from lrfr_mm.ops.draws import sample_key
from lrfr_mm.registry import HOOKS

__all__ = ['IterSeedHook']


@HOOKS.register_module()
class IterSeedHook(Hook):
    """Seeds torch before every step from (run seed, rank, step): what a resumed run draws (dropout)
    is what the undisturbed one would have drawn.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        torch.manual_seed(sample_key(runner.seed, get_rank(), runner.iter))
