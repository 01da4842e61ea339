"""Base of the transforms that draw random numbers."""
from __future__ import annotations

from mmcv.transforms import BaseTransform
from torch.utils.data import get_worker_info

from lrfr_mm.ops.draws import sample_key

__all__ = ['RandomTransform']


class RandomTransform(BaseTransform):
    """A transform whose draws depend on the sample's key, wherever and whenever it is called.

    FaceDataset puts the key of each visit into the sample as ``rng_key``. A sample of another data
    set has none; :meth:`key_of` then makes one from ``seed``, the loader worker's seed and the
    number of keys that this transform has made: two runs of equally seeded programs draw the same.

    Args:
        seed: Used only for samples without ``rng_key``.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed
        self._keys_made = 0

    def key_of(self, results: dict) -> int:
        """The sample's key, an int of at least 0, for :func:`lrfr_mm.ops.draws.uniform`."""
        if 'rng_key' in results:
            return results['rng_key']
        worker = get_worker_info()
        self._keys_made += 1
        return sample_key(self.seed, worker.seed if worker is not None else 0, self._keys_made)
