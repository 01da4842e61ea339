"""Measure a checkpoint on the config's benchmarks: python tools/test.py CONFIG CHECKPOINT."""
import argparse

from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config, select_benchmarks


def main() -> None:
    parser = argparse.ArgumentParser(description='Measure a face recognizer.')
    parser.add_argument('config', help='the config it was trained with')
    parser.add_argument('checkpoint', help='a .pth file')
    parser.add_argument('--out', metavar='FILE', help='metrics file (default: metrics.json in the '
                        'work dir)')
    parser.add_argument('--benchmarks', metavar='NAMES', help='only these, e.g. lfw,xqlfw: '
                        'a named one that is missing is an error; all (default): those that are '
                        'there')
    add_common_arguments(parser)
    args = parser.parse_args()
    config = load_config(args)
    select_benchmarks(config, args.benchmarks, args.out)
    config.checkpoint = args.checkpoint
    runner = build_runner(config, train=False)
    load_recognizer(runner.model, args.checkpoint)
    runner.test()


if __name__ == '__main__':
    run_command(main)
