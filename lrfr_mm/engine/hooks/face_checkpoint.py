"""Checkpoints that include the class shards of a PartialFCHead."""
from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from lrfr_mm.engine.hooks.fully_sharded import whole_states
from lrfr_mm.engine.hooks.partial_fc import head_folder, sharded_head
from lrfr_mm.files import whole_file
from lrfr_mm.registry import HOOKS

__all__ = ['FaceCheckpointHook']


@HOOKS.register_module()
class FaceCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook that also writes the class shards of a PartialFCHead beside each
    checkpoint, one file a rank: ``epoch_3.head/classes-FIRST-LAST.pt``.

    Args:
        *args, **kwargs: See CheckpointHook, which would keep an unknown argument until it saves.

    Raises:
        TypeError: For an argument that neither CheckpointHook nor ``Runner.save_checkpoint`` has.
    """

    def __init__(self, *args, **kwargs):
        known = {*inspect.signature(CheckpointHook.__init__).parameters,
                 *inspect.signature(Runner.save_checkpoint).parameters}
        for name in kwargs:
            if name not in known:
                raise TypeError(f"got an unexpected keyword argument '{name}'")
        super().__init__(*args, **kwargs)

    def save_interrupted(self, runner) -> Path:
        """Write ``interrupted.pth`` after a step; the next regular checkpoint removes it.

        Returns:
            Its path, on all ranks.
        """
        path = Path(self.out_dir, 'interrupted.pth')
        with whole_states(runner):
            _write_shards(runner, path)
            runner.save_checkpoint(self.out_dir, path.name, by_epoch=False)
        barrier()
        return path

    def _save_checkpoint(self, runner) -> None:
        with whole_states(runner):
            super()._save_checkpoint(runner)

    def _save_checkpoint_with_step(self, runner, step, meta):
        _write_shards(runner, Path(self.out_dir, self.filename_tmpl.format(step)))
        super()._save_checkpoint_with_step(runner, step, meta)
        if is_main_process():
            Path(self.out_dir, 'interrupted.pth').unlink(missing_ok=True)
            self._remove_stale_shards()

    def _save_best_checkpoint(self, runner, metrics) -> None:
        before = self._best_paths()
        with whole_states(runner):
            super()._save_best_checkpoint(runner, metrics)
        for path in self._best_paths() - before:
            _write_shards(runner, Path(path))
        if is_main_process():
            self._remove_stale_shards()

    def _best_paths(self) -> set[str]:
        # mmengine has one attribute, or one for each metric.
        return {path for name, path in vars(self).items()
                if name.startswith('best_ckpt_path') and path}

    def _remove_stale_shards(self) -> None:
        for folder in Path(self.out_dir).glob('*.head'):
            if not folder.with_suffix('.pth').is_file():
                shutil.rmtree(folder)


def _write_shards(runner, checkpoint: Path) -> None:
    """Write every rank's classes; they are complete on disk when this returns."""
    head = sharded_head(runner)
    if head is None:
        return
    folder = head_folder(checkpoint)
    if is_main_process() and folder.is_dir():
        shutil.rmtree(folder)
    barrier()
    with whole_file(folder / f'classes-{head.first:010d}-{head.last:010d}.pt') as part:
        torch.save(head.shard(), part)
    barrier()
