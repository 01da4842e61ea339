"""Hooks of training and testing."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import barrier, get_rank, is_main_process
from mmengine.hooks import CheckpointHook, Hook

from lrfr_mm.engine.fully_sharded import is_fully_sharded, whole_states
from lrfr_mm.evaluation.report import collect_run, table_text, write_report
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.registry import HOOKS

__all__ = ['FaceCheckpointHook', 'GradientCompressionHook', 'InvalidLossHook', 'IterSeedHook',
           'PartialFCHook', 'ReportHook', 'head_folder']


@HOOKS.register_module()
class IterSeedHook(Hook):
    """Seeds torch before every step from (run seed, rank, step): what a resumed run draws (dropout)
    is what the undisturbed one would have drawn.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        torch.manual_seed(sample_key(runner.seed, get_rank(), runner.iter))


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stops a training whose loss is no longer a number, before another checkpoint is written.

    Args:
        interval: Steps between two looks; each makes the CPU wait for the device once.
    """

    def __init__(self, interval: int = 20):
        self.interval = interval

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner):
            wrong = [name for name, value in outputs.items() if not torch.isfinite(value).all()]
            if wrong:
                raise FloatingPointError(f'{wrong[0]} is not finite at step {runner.iter + 1}: a '
                                         'lower learning rate or a longer warm-up may help')

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        for name, value in checkpoint['state_dict'].items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise FloatingPointError(f'{name} is not finite after step {runner.iter}: no '
                                         'checkpoint is written')


def head_folder(checkpoint: str | Path) -> Path:
    """Where the class weights of a split head lie that belong to a checkpoint."""
    return Path(checkpoint).with_suffix('.head')


def _split_head(runner):
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
        head = _split_head(runner)
        if head is None:
            return
        head.bind(runner.optim_wrapper.optimizer)
        if runner._resume and runner.cfg.get('load_from'):
            head.load_shards(str(head_folder(runner.cfg.load_from)))

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        head = _split_head(runner)
        if head is not None and runner.optim_wrapper.should_update():
            head.new_step()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        head = _split_head(runner)
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


@HOOKS.register_module()
class GradientCompressionHook(Hook):
    """Sends the backbone's gradients between processes in 16 bits: half the bytes of a step.

    Args:
        kind: 'bf16' (NCCL) or 'fp16'.

    Raises:
        ValueError: For another kind, or a FullySharded model.
    """

    def __init__(self, kind: str = 'bf16'):
        if kind not in ('bf16', 'fp16'):
            raise ValueError(f"kind must be 'bf16' or 'fp16', got {kind!r}")
        self.kind = kind

    def before_train(self, runner) -> None:
        from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
        if is_fully_sharded(runner.model):
            raise ValueError('GradientCompressionHook is for data-parallel models, not for '
                             'FullySharded ones')
        if hasattr(runner.model, 'register_comm_hook'):  # data parallel, not a single process
            runner.model.register_comm_hook(None, getattr(default_hooks,
                                                          f'{self.kind}_compress_hook'))


@HOOKS.register_module()
class FaceCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook; the classes of a PartialFCHead go beside each checkpoint, a file a
    process, ``epoch_3.head/classes-FIRST-LAST.pt``.
    """

    def _save_checkpoint(self, runner) -> None:
        with whole_states(runner):
            super()._save_checkpoint(runner)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        with whole_states(runner):
            super()._save_best_checkpoint(runner, metrics)

    def _save_checkpoint_with_step(self, runner, step, meta):
        head = _split_head(runner)
        if head is not None:
            folder = head_folder(Path(self.out_dir, self.filename_tmpl.format(step)))
            if is_main_process() and folder.is_dir():
                shutil.rmtree(folder)
            barrier()
            with whole_file(folder / f'classes-{head.first:010d}-{head.last:010d}.pt') as part:
                torch.save(head.shard(), part)
            barrier()  # all are there before the checkpoint says so
        super()._save_checkpoint_with_step(runner, step, meta)
        if head is not None and is_main_process():
            for stale in Path(self.out_dir).glob('*.head'):
                if not stale.with_suffix('.pth').is_file():
                    shutil.rmtree(stale)


@HOOKS.register_module()
class ReportHook(Hook):
    """After a test: the table, ``metrics.json``, ``report/index.html``, and for
    ``tools/compare.py`` ``run.json`` and ``items.npz`` (which pairs and probes were right).

    Args:
        out: Path of the metrics file; default ``metrics.json`` in the work dir.
        name: Name of the run in the report; default the work dir's name.
    """

    priority = 'LOW'

    def __init__(self, out: str | None = None, name: str | None = None):
        self.out, self.name = out, name

    def after_val_epoch(self, runner, metrics=None) -> None:
        if is_main_process():
            runner.logger.info('\n' + table_text(runner.val_loop.results))

    def after_test_epoch(self, runner, metrics=None) -> None:
        if not is_main_process():
            return
        loop, work_dir = runner.test_loop, Path(runner.work_dir)
        runner.logger.info('\n' + table_text(loop.results))
        out = Path(self.out) if self.out else work_dir / 'metrics.json'
        write_text(out, json.dumps(metrics, indent=2) + '\n')
        run = collect_run(self.name or work_dir.name, loop.results,
                          getattr(runner, 'config_text', runner.cfg.pretty_text),
                          checkpoint=runner.cfg.get('checkpoint', ''), seed=runner.seed)
        write_text(work_dir / 'run.json', json.dumps(run))
        with whole_file(work_dir / 'items.npz') as part, open(part, 'wb') as file:
            np.savez_compressed(file, **{name: correct for _, result in loop.results
                                         for name, correct in result.items.items()})
        page = write_report(work_dir / 'report', [run])
        runner.logger.info(f'metrics: {out}')
        runner.logger.info(f'report: {page}')
