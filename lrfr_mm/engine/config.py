"""Configs: found by path or name, read, and overridden from the command line."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmengine.config import Config

import lrfr_mm
from lrfr_mm.datasets.benchmarks import add_defaults
from lrfr_mm.engine.overrides import apply_overrides
from lrfr_mm.engine.structure import check_structure
from lrfr_mm.errors import ConfigError, InputMissingError
from lrfr_mm.registry import type_name

__all__ = ['add_common_arguments', 'find_config', 'load_config', 'read_config',
           'select_benchmarks', 'shipped_configs']


class OverrideAction(argparse.Action):
    """Collects KEY=VALUE texts; they are parsed when the config, and so each key's type, is known.
    """

    def __call__(self, parser, namespace, values, option_string=None):
        texts = dict(getattr(namespace, self.dest) or {})
        for value in values:
            key, sign, text = value.partition('=')
            if not sign or not key:
                parser.error(f'{option_string}: {value!r} is not KEY=VALUE')
            texts[key] = text
        setattr(namespace, self.dest, texts)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that training and testing share."""
    parser.add_argument('--work-dir', help='directory of all output '
                        '(default: work_dirs/NAME_OF_THE_CONFIG)')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none',
                        help='how the processes were started')
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, metavar='KEY=VALUE',
                        help='override settings of the config, e.g. train_dataloader.batch_size=64')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help=argparse.SUPPRESS)


def shipped_configs() -> Path:
    """Directory of the configs that come with the package: LRFR_CONFIGS, else that of the wheel,
    else that beside the package in a checkout.
    """
    package = Path(lrfr_mm.__file__).parent
    installed = package / '.mim' / 'configs'
    return Path(os.environ.get('LRFR_CONFIGS') or (
        installed if installed.is_dir() else package.parent / 'configs'))


def find_config(name: str) -> Path:
    """A config file by its path, or by its name below ``configs/`` (``lrfr/demo``, with or without
    ``.py``): that of the working directory, of the repository, or of the installed package.

    Raises:
        InputMissingError: If there is none.
    """
    if Path(name).is_file():
        return Path(name)
    for directory in (Path('configs'), shipped_configs()):
        for candidate in (directory / name, directory / f'{name}.py'):
            if candidate.is_file():
                return candidate
    raise InputMissingError(f'config {name} does not exist, neither as a file nor below '
                            'configs/ of the working directory or of the package')


def read_config(name: str) -> Config:
    """The config of :func:`find_config`, text or pure Python.

    Raises:
        InputMissingError: If it, or a base, is not there.
        ConfigError: If it is not a config; the text says where.
    """
    path = find_config(name)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # so that custom_imports finds the user's own modules
    try:
        return Config.fromfile(path)
    except FileNotFoundError as error:
        raise InputMissingError(f'config {path}: {error}') from error
    except Exception as error:  # executing a config can raise anything
        raise ConfigError(f'config {path}: {type(error).__name__}: {error}') from error


def load_config(args: argparse.Namespace) -> Config:
    """Read the config of ``args.config`` and merge the command line into it.

    ``args.cfg_options`` maps keys to texts (from the command line) or to values.

    Raises:
        InputMissingError, ConfigError: See :func:`read_config` and
            :func:`~lrfr_mm.engine.overrides.apply_overrides`.
    """
    config = read_config(args.config)
    apply_overrides(config, args.cfg_options or {})
    if args.work_dir:
        config.work_dir = args.work_dir
    elif config.get('work_dir') is None:
        config.work_dir = f'work_dirs/{Path(args.config).stem}'
    config.launcher = args.launcher
    return config


def select_benchmarks(config: Config, names: str | None, out: str | None) -> None:
    """Keep the benchmarks in ``names`` (separated by commas; None or 'all' for those whose files
    are there) and set the metrics file ``out``.

    Benchmarks that a module of the user's own registered in ``DEFAULTS`` are there as well.

    Raises:
        ConfigError: If the config has no test, or no benchmark of a name.
    """
    if out:
        for hook in config.get('custom_hooks', []):
            if type_name(hook) == 'ReportHook':
                hook.out = out
    check_structure(config, train=False)
    add_defaults(config.test_dataloader.dataset, config.test_evaluator,
                 config.get('data_root', 'data/'))
    if names is None or names == 'all':
        return
    wanted = [name.strip() for name in names.split(',') if name.strip()]
    configured = {dataset.name: dataset for dataset in config.test_dataloader.dataset}
    for name in wanted:
        if name not in configured:
            raise ConfigError(f'--benchmarks: the config has no benchmark {name!r}; it has '
                              f'{", ".join(configured)}')
    config.test_dataloader.dataset = [configured[name] for name in wanted]
    config.test_evaluator = [m for m in config.test_evaluator if m.benchmark in wanted]
    config.test_cfg.strict = True
