"""A hook that writes down which images were trained on."""
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from lrfr_mm.registry import HOOKS


@HOOKS.register_module()
class SeenHook(Hook):
    """Appends the ``sample_idx`` of each batch to ``path`` (and the rank, if above 0)."""

    def __init__(self, path):
        self.path = Path(path + (f'.{get_rank()}' if get_rank() else ''))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        with self.path.open('a') as file:
            print(*data_batch['data_samples'].sample_idx.tolist(), file=file)
