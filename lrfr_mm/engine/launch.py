"""From a command line to a Runner that is ready to go."""
from __future__ import annotations

import argparse
import atexit
import difflib
import os
import re
import subprocess
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from mmengine.config import Config, DictAction
from mmengine.dist import get_rank
from mmengine.runner import Runner

from lrfr_mm import registry
from lrfr_mm.engine.checkpoint import (
    allow_checkpoint_classes,
    check_checkpoint,
    find_checkpoint,
    load_recognizer,
    read_checkpoint,
    write_whole_files,
)
from lrfr_mm.files import write_text
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import SOURCES

__all__ = ['add_common_arguments', 'build_runner', 'check_training_set', 'leave', 'load_config',
           'run_command', 'select_benchmarks']


def run_command(main) -> None:
    """Run ``main()``; a user's mistake is one line and exit code 2, all else a traceback and 1.

    LRFR_TRACEBACK=1 in the environment shows the traceback of a user's mistake as well.
    """
    try:
        code = main() or 0
    except (ValueError, OSError, KeyError, ImportError, TypeError) as error:
        # Of the TypeErrors only a config's wrong or forgotten argument is a user's.
        if isinstance(error, TypeError) and ' argument' not in str(error):
            raise
        if os.environ.get('LRFR_TRACEBACK') == '1':
            traceback.print_exc()
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
        lines = [line for line in text.splitlines() if line.strip()] or [repr(error)]
        print(f'error: {_unknown_name(text) or lines[-1].strip()}', file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        code = 1
    if dist.is_available() and dist.is_initialized():
        leave(code)
    sys.exit(code)


def leave(code: int) -> None:
    """End a process that had a process group, without taking the interpreter apart.

    A thread of gloo may still hold the last reference to a tensor of the last collective. If it
    asks for the interpreter's lock while that is being taken apart, Python (before 3.14) ends the
    thread by unwinding it, through C++ that allows none: the process aborts after all its work.
    """
    dist.destroy_process_group()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _unknown_name(text: str) -> str | None:
    """mmengine's complaint about a name that is not registered, with the near ones that are."""
    found = re.search(r"['\"]?([\w.]+) is not in the (?:\w+::)?([\w ]+) registry", text)
    if found is None:
        return None
    name, kind = found.groups()
    known = set()
    for candidate in vars(registry).values():
        if isinstance(candidate, registry.Registry) and candidate.name == kind:
            while candidate is not None:
                candidate.import_from_location()
                known |= set(candidate.module_dict)
                candidate = candidate.parent
    near = difflib.get_close_matches(name, known, n=3, cutoff=.5)
    return (f'{name!r} is not a registered {kind}; '
            + (f'near it: {", ".join(near)}' if near else f'there are {", ".join(sorted(known))}')
            + '. A component of your own needs custom_imports in the config.')


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that training and testing share."""
    parser.add_argument('--work-dir', help='where everything is written '
                        '(default: work_dirs/NAME_OF_THE_CONFIG)')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none',
                        help='how the processes were started')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='override settings of the config, e.g. train_dataloader.batch_size=64')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and merge the command line into it.

    Raises:
        ValueError: If the file is not a config; the text says where.
        FileNotFoundError: If it is not there.
    """
    if not os.path.isfile(args.config):
        raise FileNotFoundError(f'config {args.config} does not exist')
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # so that custom_imports finds the user's own modules
    try:
        config = Config.fromfile(args.config)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f'config {args.config}: {type(error).__name__}: {error}') from error
    if args.cfg_options:
        old_root = config.get('data_root')
        config.merge_from_dict(args.cfg_options)
        if old_root and config.data_root != old_root:
            _move(config._cfg_dict, old_root, config.data_root)
    if args.work_dir:
        config.work_dir = args.work_dir
    elif config.get('work_dir') is None:
        config.work_dir = f'work_dirs/{Path(args.config).stem}'
    config.launcher = args.launcher
    return config


def _move(node, old: str, new: str) -> None:
    """Replace the beginning ``old`` of every string below ``node`` by ``new``."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        value = node[key]
        if isinstance(value, str) and value.startswith(old):
            node[key] = new + value[len(old):]
        elif isinstance(value, (dict, list)):
            _move(value, old, new)


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
        _init_processes(config)
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
        _check_resumed(config)
    start = None if config.get('resume') else config.get('load_from')
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


def _init_processes(config: Config) -> None:
    """Join the other processes: over NCCL, or gloo where there is no GPU.

    mmengine would do it, but fails without a GPU, and torch 2.14's agent keeps one store over its
    restarts, in which a worker that was started again finds the addresses of dead ones.
    """
    if config.launcher == 'pytorch':
        if 'RANK' not in os.environ:
            raise ValueError('--launcher pytorch needs torchrun: torchrun --nproc_per_node N '
                             'tools/train.py CONFIG --launcher pytorch')
    else:
        if 'SLURM_PROCID' not in os.environ:
            raise ValueError('--launcher slurm needs srun: srun -n N python tools/train.py CONFIG '
                             '--launcher slurm')
        os.environ['RANK'] = os.environ['SLURM_PROCID']
        os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']
        os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID', '0')
        os.environ.setdefault('MASTER_PORT', '29500')
        if 'MASTER_ADDR' not in os.environ:
            hosts = subprocess.run(['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']],
                                   capture_output=True, text=True, check=True)
            os.environ['MASTER_ADDR'] = hosts.stdout.split()[0]
    settings = config.env_cfg.get('dist_cfg', {})
    backend = 'gloo'
    device = 'CPU'
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
        backend, device = settings.get('backend', 'nccl'), torch.cuda.get_device_name()
        if backend == 'nccl' and not dist.is_nccl_available():
            print('warning: this torch has no NCCL: the processes talk through gloo, which is slow',
                  file=sys.stderr)
            backend = 'gloo'
    timeout = timedelta(seconds=settings.get('timeout', 1800))
    store, rank, world = next(dist.rendezvous('env://', timeout=timeout))
    attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')
    dist.init_process_group(backend, store=dist.PrefixStore(f'attempt{attempt}', store), rank=rank,
                            world_size=world, timeout=timeout)
    devices = [None] * world
    dist.all_gather_object(devices, device)
    text = _mixed_devices(devices)
    if text and rank == 0:
        print(f'warning: {text}', file=sys.stderr)


def _mixed_devices(devices: list[str]) -> str | None:
    """What to say of processes on different devices; None where they are of one kind."""
    kinds = {}
    for rank, device in enumerate(devices):
        kinds.setdefault(device, []).append(rank)
    if len(kinds) == 1:
        return None
    found = '; '.join(f'{device} (rank {", ".join(map(str, ranks))})'
                      for device, ranks in kinds.items())
    return f'the processes are on different devices, and the slowest sets the pace: {found}'


def _check_resumed(config: Config, patience: float = 60.) -> None:
    """Settle which checkpoint a resumed run goes on from, and read it.

    The first process looks, and tells the others, whose view of a shared disk may lag behind: they
    wait ``patience`` seconds for the file.
    """
    if not config.get('resume'):
        return
    path = config.get('load_from') or find_checkpoint(config.work_dir)
    if dist.is_available() and dist.is_initialized():
        told = [str(path) if path else None]
        dist.broadcast_object_list(told)
        path = told[0]
    if path is None:
        return
    end = time.monotonic() + (patience if get_rank() else 0)
    while not os.path.isfile(path) and time.monotonic() < end:
        time.sleep(.5)
    read_checkpoint(path)
    config.load_from = str(path)


def check_training_set(config: Config) -> None:
    """Set what the config leaves to the training set (the head's class count, a stream's batches),
    and refuse sets that nothing can be learned from.

    Raises:
        ValueError: For one person, less than a batch, or a head of fewer classes.
    """
    head = config.model.get('head')
    source = config.train_dataloader.dataset.get('source')
    if head is None or source is None:
        return
    from mmengine.registry import init_default_scope
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    built = SOURCES.build(source)
    if built.num_classes < 2:
        raise ValueError(f'{built}: one person cannot be told from others, at least two are needed')
    loader = config.train_dataloader
    world = int(os.environ.get('WORLD_SIZE') or os.environ.get('SLURM_NTASKS') or 1
                ) if config.get('launcher', 'none') != 'none' else 1
    if loader.get('drop_last') and len(built) < loader.batch_size * world:
        raise ValueError(f'{built} does not fill one batch of {loader.batch_size} on {world} '
                         'process(es): set train_dataloader.batch_size lower')
    if built.streaming:
        loader.sampler = None
        loader.dataset.stream_batch = loader.batch_size
    if head.type == 'PartialFCHead':
        head.setdefault('batch_size', loader.batch_size * world)
    if head.get('num_classes') is None:
        head.num_classes = built.num_classes
    elif head.num_classes < built.num_classes:
        raise ValueError(f'model.head.num_classes is {head.num_classes}, but {built} has '
                         f'{built.num_classes} people')


def select_benchmarks(config: Config, names: str | None, out: str | None) -> None:
    """Keep the benchmarks in ``names`` (separated by commas; None or 'all' for what is there) and
    set the metrics file ``out``.
    """
    if out:
        for hook in config.get('custom_hooks', []):
            if hook['type'] == 'ReportHook':
                hook.out = out
    if names is None or names == 'all':
        return
    wanted = [name.strip() for name in names.split(',') if name.strip()]
    configured = {dataset.name: dataset for dataset in config.test_dataloader.dataset}
    for name in wanted:
        if name not in configured:
            raise ValueError(f'the config has no benchmark {name!r}; it has '
                             f'{", ".join(configured)}')
    config.test_dataloader.dataset = [configured[name] for name in wanted]
    config.test_evaluator = [m for m in config.test_evaluator if m.benchmark in wanted]
    config.test_cfg.strict = True
