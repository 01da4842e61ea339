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
    """Seeds torch before every iteration from (run seed, rank, iteration), so that a resumed run
    draws the same random numbers (dropout) as an undisturbed one. The build registers it.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        torch.manual_seed(sample_key(runner.seed, get_rank(), runner.iter))
