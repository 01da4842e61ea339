"""Configs: read from a file, overridden from the command line."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmengine.config import Config, DictAction

__all__ = ['add_common_arguments', 'load_config', 'select_benchmarks']


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
