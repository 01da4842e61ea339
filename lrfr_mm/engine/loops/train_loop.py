"""Training by epochs that can stop and be resumed at any step."""
from __future__ import annotations

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch.nn.modules.batchnorm import _BatchNorm

from lrfr_mm.datasets import EpochSampler
from lrfr_mm.engine.hooks.stop import keep_workers
from lrfr_mm.errors import ConfigError
from lrfr_mm.registry import LOOPS

__all__ = ['FaceTrainLoop']


@LOOPS.register_module()
class FaceTrainLoop(EpochBasedTrainLoop):
    """mmengine's epoch loop, which a hook may also stop inside an epoch (``stop_training``).

    A run resumed from a checkpoint inside an epoch continues with the next sample: no sample of the
    epoch is repeated or left out, also with another batch size or number of processes.

    Args:
        runner, dataloader, max_epochs, val_begin, val_interval, dynamic_intervals: See
            ``EpochBasedTrainLoop``.

    Raises:
        ConfigError: If ``val_interval`` is below 1, or an epoch has no batch, or ends with a batch
            of one image that the model's batch normalisation cannot take.
    """

    def __init__(self, runner, dataloader, max_epochs: int, val_begin: int = 1,
                 val_interval: int = 1, dynamic_intervals: list[tuple[int, int]] | None = None):
        if val_interval < 1:
            raise ConfigError(f'train_cfg.val_interval must be at least 1, got {val_interval}')
        super().__init__(runner, dataloader, max_epochs, val_begin, val_interval,
                         dynamic_intervals)
        loader = self.dataloader
        if len(loader) == 0:
            raise ConfigError(f'train_dataloader: {len(loader.dataset)} images make no batch of '
                              f'{loader.batch_size} on {runner.world_size} process(es)')
        keep_workers(loader)
        self._check_single_images()

    def run(self):
        """Train all epochs that are left."""
        if self._epoch >= self._max_epochs:
            self.runner.logger.info(
                f'nothing is left to train: the checkpoint has {self._epoch} epochs, and '
                f'train_cfg.max_epochs is {self._max_epochs}')
        self._resumed = self._iter > 0
        self.runner.call_hook('before_train')
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            if self._inside_epoch:
                break
            self._decide_current_val_interval()
            if (self.runner.val_loop is not None and self._epoch >= self.val_begin
                    and (self._epoch % self.val_interval == 0
                         or self._epoch == self._max_epochs)):
                self.runner.val_loop.run()
        self.dataloader._iterator = None  # ends workers that were to live from epoch to epoch
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train what is left of the current epoch, up to a stop."""
        self._inside_epoch = False
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        hub = self.runner.message_hub
        used = hub.get_info('samples_of_epoch', 0) if self._resumed else 0
        self._resumed = False
        left = self.batches_left(self._epoch, used)
        for position, batch in enumerate(self.dataloader):
            used += self._step_size
            hub.update_info('samples_of_epoch', used)
            self.run_iter(len(self.dataloader) - left + position, batch)
            if self.stop_training:
                self._inside_epoch = True
                return
        hub.update_info('samples_of_epoch', 0)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    @property
    def _step_size(self) -> int:
        """Samples of an iteration, all ranks together."""
        return (self.dataloader.batch_size or 1) * self.runner.world_size

    def batches_left(self, epoch: int, used: int) -> int:
        """Set the data to ``epoch``, of which all ranks together have used ``used`` samples.

        Returns:
            Batches of this rank that are left.

        Raises:
            ConfigError: If the data cannot be read from that sample on.
        """
        loader = self.dataloader
        if getattr(getattr(loader.dataset, 'source', None), 'streaming', False):
            done, rest = divmod(used, self._step_size)
            if rest:
                raise ConfigError(
                    'train_dataloader.batch_size: a stream that was interrupted inside an epoch '
                    f'can be resumed with a batch size and a number of processes that divide {used}'
                    f' samples, not with {self._step_size} a step; resume from the end of an epoch')
            loader.dataset.set_epoch(epoch, self.runner.seed, done)
            return len(loader) - done
        if isinstance(loader.sampler, EpochSampler):
            loader.sampler.set_epoch(epoch, used)
            count, size = loader.sampler.left, loader.batch_size
            return count // size if loader.drop_last else -(-count // size)
        if used:
            raise ConfigError('train_dataloader.sampler: a run can be resumed inside an epoch with '
                              f'the EpochSampler, not with {type(loader.sampler).__name__}')
        return len(loader)

    def _check_single_images(self) -> None:
        """Refuse batches of one image before training, not after the first epoch."""
        loader = self.dataloader
        size = loader.batch_size
        samples = len(loader.sampler) if size and not loader.drop_last else 0
        if size != 1 and (not size or samples % size != 1):
            return
        model = self.runner.model.module if is_model_wrapper(self.runner.model) \
            else self.runner.model
        if not hasattr(model, 'embed') or not any(isinstance(part, _BatchNorm)
                                                  for part in model.modules()):
            return
        kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
        example = next(iter(model.parameters())).new_zeros(1, 3, 112, 112)
        training = model.training
        model.train()
        try:
            with torch.no_grad():
                model.embed(example)
        except ValueError as error:
            if 'more than 1 value per channel' not in str(error):
                raise
            which = 'batch_size is 1' if size == 1 else (
                f'the last of {samples} images is a batch of its own at batch_size={size}')
            raise ConfigError(f'train_dataloader: {which}, and batch normalisation needs two: set '
                              'another batch_size or drop_last=True') from error
        finally:
            model.train(training)
            for name, buffer in model.named_buffers():
                buffer.copy_(kept[name])
