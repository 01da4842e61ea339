"""What a PartialFCHead needs of the Runner."""
from __future__ import annotations

from pathlib import Path

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from lrfr_mm.engine.start import Start
from lrfr_mm.errors import InputError, reading
from lrfr_mm.registry import HOOKS

__all__ = ['PartialFCHook', 'head_folder', 'sharded_head']


def head_folder(checkpoint: str | Path) -> Path:
    """Directory of the class shards of a checkpoint."""
    return Path(checkpoint).with_suffix('.head')


def sharded_head(runner):
    """The model's head if its classes are sharded over the ranks, else None."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    head = getattr(model, 'head', None)
    return head if getattr(head, 'sharded', False) else None


@HOOKS.register_module()
class PartialFCHook(Hook):
    """Binds a PartialFCHead to its optimizer, loads its class shards, and lets it sample classes
    anew after each optimizer step. The build registers it for every model with such a head.

    Args:
        start: How the training starts; None for from scratch.
    """

    def __init__(self, start: Start | None = None):
        self.start = start or Start('scratch')

    def before_train(self, runner) -> None:
        head = sharded_head(runner)
        head.bind(runner.optim_wrapper.optimizer)
        if self._loads_shards():
            folder = str(head_folder(self.start.path))
            with reading(folder):
                head.load_shards(folder)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if runner.optim_wrapper.should_update():
            sharded_head(runner).new_step()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if 'optimizer' not in checkpoint:
            return
        # The optimizer's state of this rank's classes is part of the class shards.
        head = sharded_head(runner)
        own = head.weight if head.active is None else head.active
        position = 0
        for group in runner.optim_wrapper.optimizer.param_groups:
            for parameter in group['params']:
                if parameter is own:
                    checkpoint['optimizer']['state'].pop(position, None)
                position += 1

    def _loads_shards(self) -> bool:
        if self.start.kind == 'scratch' or (self.start.kind == 'fine-tune'
                                            and self.start.head == 'drop'):
            return False
        if head_folder(self.start.path).is_dir():
            return True
        if self.start.kind == 'fine-tune' and self.start.head == 'keep':
            return False
        raise InputError(f'{head_folder(self.start.path)} does not exist: the checkpoint '
                         f'{self.start.path} has no class shards')
