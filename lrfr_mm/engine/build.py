"""From a config to a Runner that is ready to train or to test."""
from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.runner import Runner

from lrfr_mm.engine.checkpoint import (
    allow_checkpoint_classes,
    check_checkpoint,
    load_recognizer,
    read_checkpoint,
    write_whole_files,
)
from lrfr_mm.engine.distributed import init_processes
from lrfr_mm.engine.start import check_resumed
from lrfr_mm.engine.training_set import check_training_set
from lrfr_mm.files import write_text
from lrfr_mm.models.build import checkpoint_config, embedding_config

__all__ = ['build_runner']


def build_runner(config: Config, train: bool) -> Runner:
    """Prepare the process group, the class count and the Runner.

    Without a GPU, several processes use gloo and a CPU model wrapper. A head without
    ``num_classes`` gets the training source's; a smaller one is an error before anything is built.
    """
    allow_checkpoint_classes()
    write_whole_files()
    text = config.pretty_text
    wrapper = config.get('model_wrapper_cfg') or {}
    sharded = config.launcher != 'none' and wrapper.get('type') == 'FullySharded'
    if config.launcher != 'none':
        init_processes(config)
        if sharded:  # mmengine looks names up in its own registry here
            wrapper.type = 'lrfr_mm.FullySharded'
            config.custom_hooks = [dict(type='FullyShardedHook'), *config.get('custom_hooks', [])]
        elif not torch.cuda.is_available():
            config.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None,
                                            broadcast_buffers=False)
    if not train:
        for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler',
                    'val_dataloader', 'val_cfg', 'val_evaluator'):
            config.pop(key, None)
        config.model = embedding_config(config.model)
    else:
        for key in ('test_dataloader', 'test_cfg', 'test_evaluator'):
            config.pop(key, None)
        check_training_set(config)
        check_resumed(config)
    start = None if config.get('resume') else config.get('load_from')
    if train and (start or config.get('load_from')):
        config.model = checkpoint_config(config.model)
    if start:
        config.load_from = None
    runner = Runner.from_cfg(config)
    if sharded:
        runner._init_model_weights = _initialised_before
    runner.config_text = text  # as the user wrote it, for the report
    if config.filename and get_rank() == 0:  # mmengine wrote the part that it was given above
        write_text(Path(runner.work_dir, Path(config.filename).name), text)
    if train and start:
        load_recognizer(runner.model, start)  # all but the head, which is of other people
    elif train and config.get('resume') and config.get('load_from'):
        check_checkpoint(runner.model, read_checkpoint(config.load_from)['state_dict'],
                         config.load_from)
    return runner


def _initialised_before() -> None:
    """In place of mmengine's, which takes every tensor for whole."""
