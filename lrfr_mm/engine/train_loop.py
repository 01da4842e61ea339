"""Training by epochs that goes on where it was cut, also inside an epoch."""
from __future__ import annotations

from mmengine.runner import EpochBasedTrainLoop

from lrfr_mm.datasets import EpochSampler
from lrfr_mm.datasets.face_dataset import FaceStream
from lrfr_mm.registry import LOOPS

__all__ = ['FaceTrainLoop']


@LOOPS.register_module()
class FaceTrainLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop; a run resumed from a checkpoint inside an epoch
    (``CheckpointHook(by_epoch=False)``) goes on with the batch that would have come next. No sample
    of the epoch is seen twice or left out.
    """

    def run_epoch(self) -> None:
        """Train the rest of the current epoch: all of it, unless the run was cut inside it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        loader = self.dataloader
        if isinstance(loader.dataset, FaceStream):
            loader.dataset.set_epoch(self._epoch, self.runner.seed, done)
        elif isinstance(loader.sampler, EpochSampler):
            loader.sampler.set_epoch(self._epoch, done * loader.batch_size)
        elif done:
            raise ValueError('a run can go on inside an epoch only with the EpochSampler or a '
                             f'stream, not with {type(loader.sampler).__name__}')
        for idx, batch in enumerate(loader, done):
            self.run_iter(idx, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
