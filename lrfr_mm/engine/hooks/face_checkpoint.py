"""Checkpoints that include the class shards of a PartialFCHead."""
from __future__ import annotations

import shutil
from pathlib import Path

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook

from lrfr_mm.engine.hooks.fully_sharded import whole_states
from lrfr_mm.engine.hooks.partial_fc import head_folder, sharded_head
from lrfr_mm.files import whole_file
from lrfr_mm.registry import HOOKS

__all__ = ['FaceCheckpointHook']


@HOOKS.register_module()
class FaceCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook; the classes of a PartialFCHead go beside each checkpoint, a file a
    process, ``epoch_3.head/classes-FIRST-LAST.pt``.
    """

    def _save_checkpoint(self, runner) -> None:
        with whole_states(runner):
            super()._save_checkpoint(runner)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        with whole_states(runner):
            super()._save_best_checkpoint(runner, metrics)

    def _save_checkpoint_with_step(self, runner, step, meta):
        head = sharded_head(runner)
        if head is not None:
            folder = head_folder(Path(self.out_dir, self.filename_tmpl.format(step)))
            if is_main_process() and folder.is_dir():
                shutil.rmtree(folder)
            barrier()
            with whole_file(folder / f'classes-{head.first:010d}-{head.last:010d}.pt') as part:
                torch.save(head.shard(), part)
            barrier()  # all are there before the checkpoint says so
        super()._save_checkpoint_with_step(runner, step, meta)
        if head is not None and is_main_process():
            for stale in Path(self.out_dir).glob('*.head'):
                if not stale.with_suffix('.pth').is_file():
                    shutil.rmtree(stale)
