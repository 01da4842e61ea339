"""The commands ``train`` and ``test``: their arguments, and what they run."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.cli import message_of
from lrfr_mm.engine.components import naming_components
from lrfr_mm.engine.config import add_common_arguments, load_config, select_benchmarks
from lrfr_mm.engine.hooks import StopHook
from lrfr_mm.errors import UserError

__all__ = ['test_command', 'train_command']


def train_command(argv: Sequence[str] | None = None) -> int:
    """Train a face recognizer.

    Args:
        argv: Arguments of the command line; default those of the process.

    Returns:
        0 if all epochs were trained, 1 if a signal stopped the training.
    """
    parser = argparse.ArgumentParser(description='Train a face recognizer.')
    parser.add_argument('config', help='a config file, or its name below configs/: lrfr/demo')
    parser.add_argument('--resume', nargs='?', const=True, default=False, metavar='CKPT',
                        help='go on from a checkpoint; without a path, from the newest in the '
                        'work dir, or, if there is none, from load_from or from scratch')
    parser.add_argument('--amp', action='store_true', help='bfloat16 autocast')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate by '
                        "the samples of a step over the config's auto_scale_lr.base_batch_size")
    parser.add_argument('--seed', type=int, help='seed of the run (default: random, and logged)')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    config = load_config(args)
    if args.seed is not None:
        config.randomness = dict(config.get('randomness', {}), seed=args.seed)
    if args.amp:
        config.optim_wrapper.type = 'Bf16OptimWrapper'
    if args.auto_scale_lr:
        if not (config.get('auto_scale_lr') or {}).get('base_batch_size'):
            parser.error('--auto-scale-lr: the config has no auto_scale_lr.base_batch_size, the '
                         'samples of a step that its learning rate is meant for')
        config.auto_scale_lr.enable = True
    if args.resume:
        config.resume = args.resume
    runner = build_runner(config, train=True)
    with naming_components(runner.cfg):
        runner.train()
    return int(any(isinstance(hook, StopHook) and hook.stopped for hook in runner.hooks))


def test_command(argv: Sequence[str] | None = None) -> int:
    """Measure a checkpoint on the config's benchmarks.

    Args:
        argv: Arguments of the command line; default those of the process.

    Returns:
        0; if a benchmark failed 2, or 1 if that was not for its data.
    """
    parser = argparse.ArgumentParser(description='Measure a face recognizer.')
    parser.add_argument('config', help='the config it was trained with, a file or its name below '
                        'configs/: lrfr/demo')
    parser.add_argument('checkpoint', nargs='?', help='a .pth file; none for a network without '
                        'weights of ours (ONNXBackbone)')
    parser.add_argument('--out', metavar='FILE', help='metrics file (default: metrics.json in the '
                        'work dir)')
    parser.add_argument('--benchmarks', metavar='NAMES', help='only these, e.g. lfw,xqlfw: '
                        'a named one that is missing is an error; all (default): those that are '
                        'there')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    config = load_config(args)
    select_benchmarks(config, args.benchmarks, args.out)
    config.checkpoint = args.checkpoint
    runner = build_runner(config, train=False)
    load_recognizer(runner.model, args.checkpoint)
    with naming_components(runner.cfg):
        runner.test()
    failures = runner.test_loop.failures
    for name, error in failures.items():
        shown = message_of(error) if isinstance(error, UserError) else f'{error!r}; see the log'
        shown = shown.removeprefix(f'benchmark {name}: ')
        print(f'error: benchmark {name} failed: {shown}', file=sys.stderr)
    if not failures:
        return 0
    return 2 if all(isinstance(error, UserError) for error in failures.values()) else 1
