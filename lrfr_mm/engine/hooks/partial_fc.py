"""What a PartialFCHead needs of the Runner."""
from __future__ import annotations

from pathlib import Path

from mmengine.hooks import Hook

from lrfr_mm.registry import HOOKS

__all__ = ['PartialFCHook', 'head_folder', 'sharded_head']


def head_folder(checkpoint: str | Path) -> Path:
    """Where the class weights of a split head lie that belong to a checkpoint."""
    return Path(checkpoint).with_suffix('.head')


def sharded_head(runner):
    model = runner.model.module if hasattr(runner.model, 'module') else runner.model
    head = getattr(model, 'head', None)
    return head if getattr(head, 'sharded', False) else None


@HOOKS.register_module()
class PartialFCHook(Hook):
    """What a PartialFCHead needs of the Runner; does nothing for other heads.

    It knows its optimizer, samples anew after each step, and after a resume takes its classes from
    the files beside the checkpoint, whatever the number of processes that wrote them.
    """

    def before_train(self, runner) -> None:
        head = sharded_head(runner)
        if head is None:
            return
        head.bind(runner.optim_wrapper.optimizer)
        if runner._resume and runner.cfg.get('load_from'):
            head.load_shards(str(head_folder(runner.cfg.load_from)))

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        head = sharded_head(runner)
        if head is not None and runner.optim_wrapper.should_update():
            head.new_step()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        head = sharded_head(runner)
        if head is None or 'optimizer' not in checkpoint:
            return
        # What the optimizer keeps of this process's classes is in the head's own files.
        own = head.weight if head.active is None else head.active
        position = 0
        for group in runner.optim_wrapper.optimizer.param_groups:
            for parameter in group['params']:
                if parameter is own:
                    checkpoint['optimizer']['state'].pop(position, None)
                position += 1
