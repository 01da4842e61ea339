"""Loading the checkpoint that a training starts from."""
from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop

from lrfr_mm.engine.checkpoint import TRAINING_PARTS, check_checkpoint
from lrfr_mm.engine.loops.benchmark_loop import BenchmarkLoop
from lrfr_mm.engine.schedule import follow_config
from lrfr_mm.engine.start import Start
from lrfr_mm.registry import HOOKS

__all__ = ['StartHook']


@HOOKS.register_module()
class StartHook(Hook):
    """Prepares the checkpoint that mmengine's Runner has read for being loaded or resumed.

    A resumed checkpoint must have exactly the model's tensors; its schedules, hyperparameters and
    iteration count become those of the config (batch size and number of processes may have
    changed). A checkpoint to fine-tune from must have exactly the tensors of the embedding network;
    the head and the losses are dropped or kept as ``start.head`` says. The build registers it.

    Args:
        start: How the training starts.
    """

    priority = 'HIGHEST'

    def __init__(self, start: Start):
        self.start = start

    def before_run(self, runner) -> None:
        runner.logger.info(str(self.start))
        if isinstance(runner.val_loop, BenchmarkLoop):
            runner.val_loop.raise_unbuilt()  # not only after the first epoch

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if self.start.kind == 'resume':
            check_checkpoint(runner.model, checkpoint['state_dict'], self.start.path)
            self._follow_config(runner, checkpoint)
        else:
            checkpoint['state_dict'] = self._choose_parts(
                runner, checkpoint.get('state_dict', checkpoint))

    def _follow_config(self, runner, checkpoint: dict) -> None:
        loop, meta = runner.train_loop, checkpoint['meta']
        if isinstance(runner.param_schedulers, dict):
            return
        if not isinstance(loop, EpochBasedTrainLoop):  # counts iterations, whatever their size
            changed = follow_config(runner.param_schedulers or [], runner.optim_wrapper.optimizer,
                                    checkpoint, 0, meta['iter'], meta['iter'])
            self._say(runner, changed)
            return
        used = checkpoint['message_hub'].get('runtime_info', {}).get('samples_of_epoch', 0)
        length = len(loop.dataloader)
        iterations = meta['epoch'] * length
        if used:
            iterations += length - loop.batches_left(meta['epoch'], used)
        changed = follow_config(runner.param_schedulers or [], runner.optim_wrapper.optimizer,
                                checkpoint, meta['epoch'], length, iterations)
        if iterations != meta['iter']:
            changed.insert(0, f'iterations {meta["iter"]} -> {iterations}')
        self._say(runner, changed)
        meta['iter'] = iterations

    def _say(self, runner, changed: list[str]) -> None:
        if changed:
            runner.logger.info('the config differs from the checkpoint, and is followed: '
                               + '; '.join(changed))

    def _choose_parts(self, runner, saved: dict) -> dict[str, torch.Tensor]:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        own = model.state_dict()

        def parts(state: dict) -> dict:
            return {key: value for key, value in state.items()
                    if key.split('.')[0] in TRAINING_PARTS}

        new, old = parts(own), parts(saved)
        fits = new.keys() == old.keys() and all(new[key].shape == old[key].shape for key in new)
        chosen = {key: value for key, value in saved.items() if key not in old}
        if self.start.head == 'error' and not fits:
            check_checkpoint(model, saved, self.start.path)
        keep = self.start.head != 'drop' and fits
        if self.start.head == 'keep' and not fits:
            runner.logger.info('the head of the checkpoint does not fit: training starts with a '
                               'new one')
        chosen.update(old if keep else new)
        check_checkpoint(model, chosen, self.start.path)
        return chosen
