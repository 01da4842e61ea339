"""Order of the samples."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from lrfr_mm.registry import DATA_SAMPLERS

__all__ = ['EpochSampler']


@DATA_SAMPLERS.register_module()
class EpochSampler(Sampler):
    """Each epoch's order from (seed, epoch) alone, cut among the processes.

    Tells the data set which epoch, and which seed, it is, and visits what the source's
    ``epoch_indices`` asks for (ConcatFaces' weights).

    Args:
        dataset: A FaceDataset.
        shuffle: Draw the order anew each epoch.
        seed: Of the order; None for one that all processes agree on.
        round_up: Repeat the first samples so that every process has the same number.
    """

    def __init__(self, dataset, shuffle: bool = True, seed: int | None = None,
                 round_up: bool = True):
        self.rank, self.world_size = get_dist_info()
        self.dataset, self.shuffle, self.round_up = dataset, shuffle, round_up
        self.seed = sync_random_seed() if seed is None else seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Set the epoch, of which the first ``start`` samples (of all processes together) were used
        already.
        """
        self.epoch, self.start = epoch, start
        source = getattr(self.dataset, 'source', None)
        self._wanted = (source.epoch_indices(self._generator(0))
                        if hasattr(source, 'epoch_indices') else None)
        self._total = len(self.dataset if self._wanted is None else self._wanted)
        if hasattr(self.dataset, 'set_epoch'):
            self.dataset.set_epoch(epoch, self.seed)

    def _generator(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch, purpose])

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self._total) if self._wanted is None else self._wanted
        if self.shuffle:
            order = self._generator(1).permutation(order)
        if self.round_up:
            order = np.resize(order, len(self) * self.world_size)
        order = order[self.start:]
        if self.round_up and len(order) % self.world_size:  # the number of processes has changed
            order = np.resize(order, self.left * self.world_size)
        return iter(order[self.rank::self.world_size].tolist())

    @property
    def left(self) -> int:
        """Samples of this process that are left of the epoch."""
        if self.round_up:
            return -(-max(0, len(self) * self.world_size - self.start) // self.world_size)
        return len(range(self.start + self.rank, self._total, self.world_size))

    def __len__(self) -> int:
        if self.round_up:
            return -(-self._total // self.world_size)
        return len(range(self.rank, self._total, self.world_size))
