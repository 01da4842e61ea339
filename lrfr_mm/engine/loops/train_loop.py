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

    def run(self):
        """Train all epochs that are left."""
        self._resumed = self._iter > 0
        return super().run()

    def run_epoch(self) -> None:
        """Train the rest of the current epoch: all of it, unless the run was cut inside it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        loader, hub = self.dataloader, self.runner.message_hub
        # Samples of all processes, so that another number of them can go on as well.
        step = (loader.batch_size or 1) * self.runner.world_size
        used = hub.get_info('samples_of_epoch', 0) if self._resumed else 0
        self._resumed = False
        done = used // step
        if isinstance(loader.dataset, FaceStream):
            loader.dataset.set_epoch(self._epoch, self.runner.seed, done)
        elif isinstance(loader.sampler, EpochSampler):
            loader.sampler.set_epoch(self._epoch, done * loader.batch_size)
        elif done:
            raise ValueError('a run can go on inside an epoch only with the EpochSampler or a '
                             f'stream, not with {type(loader.sampler).__name__}')
        for idx, batch in enumerate(loader, done):
            hub.update_info('samples_of_epoch', (idx + 1) * step)
            self.run_iter(idx, batch)
        hub.update_info('samples_of_epoch', 0)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
