"""Train a face recognizer: python tools/train.py CONFIG."""
import argparse

from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config


def main() -> None:
    parser = argparse.ArgumentParser(description='Train a face recognizer.')
    parser.add_argument('config', help='a config file, e.g. configs/lrfr/demo.py')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CKPT',
                        help='go on from a checkpoint; without a path, from the newest in the '
                        'work dir')
    parser.add_argument('--amp', action='store_true', help='bfloat16 autocast')
    parser.add_argument('--seed', type=int, help='seed of the run (default: random, and logged)')
    add_common_arguments(parser)
    args = parser.parse_args()
    config = load_config(args)
    if args.seed is not None:
        config.randomness = dict(config.get('randomness', {}), seed=args.seed)
    if args.amp:
        config.optim_wrapper.type = 'Bf16OptimWrapper'
    if args.resume:
        config.resume = True
        config.load_from = None if args.resume == 'auto' else args.resume
    build_runner(config, train=True).train()


if __name__ == '__main__':
    run_command(main)
