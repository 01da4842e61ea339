"""Order of the samples."""
from __future__ import annotations

from mmengine.dataset import DefaultSampler

from lrfr_mm.registry import DATA_SAMPLERS

__all__ = ['EpochSampler']


@DATA_SAMPLERS.register_module()
class EpochSampler(DefaultSampler):
    """mmengine's DefaultSampler that tells the data set which epoch, and which seed, it is."""

    def __init__(self, dataset, shuffle: bool = True, seed: int | None = None,
                 round_up: bool = True):
        super().__init__(dataset, shuffle, seed, round_up)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        if hasattr(self.dataset, 'set_epoch'):
            self.dataset.set_epoch(epoch, self.seed)
