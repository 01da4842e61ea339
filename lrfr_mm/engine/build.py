"""From a config to a Runner that is ready to train or to test."""
from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from lrfr_mm.engine.checkpoint import write_whole_files
from lrfr_mm.engine.components import check_optimizer, naming_components
from lrfr_mm.engine.device_defaults import set_device_defaults
from lrfr_mm.engine.distributed import init_processes
from lrfr_mm.engine.hooks import (
    BufferSyncHook,
    FaceCheckpointHook,
    FullyShardedHook,
    IterSeedHook,
    PartialFCHook,
    StartHook,
    StopHook,
)
from lrfr_mm.engine.hooks.partial_fc import sharded_head
from lrfr_mm.engine.overrides import check_loaders
from lrfr_mm.engine.start import Start, find_start
from lrfr_mm.engine.structure import check_structure
from lrfr_mm.engine.training_set import check_training_set
from lrfr_mm.engine.work_dir import lock_work_dir
from lrfr_mm.errors import ConfigError, InputMissingError
from lrfr_mm.files import write_text
from lrfr_mm.models.build import checkpoint_config, embedding_config, pretrained_checkpoints
from lrfr_mm.registry import type_name

__all__ = ['build_runner']

_TRAINING = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr',
             'val_dataloader', 'val_cfg', 'val_evaluator')
_TESTING = ('test_dataloader', 'test_cfg', 'test_evaluator')


def build_runner(config: Config, train: bool) -> Runner:
    """Initialise the process group and build the Runner, for training or for testing.

    For training the work dir is locked, the start (resumed, fine-tuned, from scratch) is decided,
    what the config leaves open is taken from the training set, and the hooks that no training can
    do without are registered. For testing the model is built without head, losses and teacher.

    Args:
        config: Is changed.
        train: For training; else for testing.

    Returns:
        mmengine's Runner; its ``config_text`` is the config as it was given.

    Raises:
        ConfigError: If a component cannot be built from its config, or settings contradict.
        InputError, InputMissingError: If data or checkpoints cannot be used.
    """
    write_whole_files()
    check_structure(config, train)
    check_loaders(config)
    check_optimizer(config)
    text = config.pretty_text
    if config.launcher != 'none':
        init_processes(config)
    sharded = _choose_wrapper(config)
    set_device_defaults(config)
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = config.get(key)
        if loader and not loader.get('num_workers'):
            loader.pop('persistent_workers', None)  # torch refuses both together
            loader.pop('prefetch_factor', None)
    start, lock = Start('scratch'), None
    for key in _TESTING if train else _TRAINING:
        config.pop(key, None)
    if train:
        config.custom_hooks = [hook for hook in config.get('custom_hooks') or []
                               if type_name(hook) != 'PartialFCHook']  # registered below
        lock = lock_work_dir(config.work_dir)
        start = find_start(config)
        with naming_components(config):
            check_training_set(config)
        if start.kind != 'scratch':
            config.model = checkpoint_config(config.model)
        for path in pretrained_checkpoints(config.model):
            if '://' not in path and not Path(path).is_file():
                raise InputMissingError(f'init_cfg: checkpoint {path} does not exist')
    else:
        config.model = embedding_config(config.model)
    config.resume, config.load_from = start.kind == 'resume', start.path
    with naming_components(config):
        runner = Runner.from_cfg(config)
    if train:
        _register_hooks(runner, start)
    if sharded:
        runner.register_hook(FullyShardedHook())
        # mmengine broadcasts every tensor of the model here, and has no option against it; the
        # sharded parameters were initialised and broadcast by FullySharded.
        runner._init_model_weights = lambda: None
    runner.config_text, runner.work_dir_lock = text, lock
    if config.filename and get_rank() == 0:  # mmengine has written the half of it that is used
        write_text(Path(runner.work_dir, Path(config.filename).name), text)
    return runner


def _choose_wrapper(config: Config) -> bool:
    """Set the wrapper of the model for this device; returns whether it is FullySharded."""
    wrapper = config.get('model_wrapper_cfg') or {}
    if config.launcher == 'none':
        return False
    if type_name(wrapper) == 'FullySharded':
        wrapper.type = 'lrfr_mm.FullySharded'  # mmengine looks it up in its own registry
        return True
    if not torch.cuda.is_available():
        config.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None,
                                        broadcast_buffers=False)
    return False


def _register_hooks(runner: Runner, start: Start) -> None:
    """Register what does not depend on the config's choice of hooks.

    Raises:
        ConfigError: If mmengine's CheckpointHook would leave class shards out.
    """
    runner.register_hook(StartHook(start))
    runner.register_hook(StopHook())
    if not any(isinstance(hook, IterSeedHook) for hook in runner.hooks):
        runner.register_hook(IterSeedHook())
    if runner.world_size > 1:
        runner.register_hook(BufferSyncHook())
    if sharded_head(runner) is None:
        return
    runner.register_hook(PartialFCHook(start))
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and not isinstance(hook, FaceCheckpointHook):
            raise ConfigError(f'default_hooks.checkpoint: {type(hook).__name__} does not write the '
                              'class shards of a PartialFCHead, FaceCheckpointHook does')
