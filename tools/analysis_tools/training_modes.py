"""Do the fast ways to train give the same losses? tools/analysis_tools/training_modes.py CONFIG

Trains the first steps of a config in each mode (separate and joint views, eager and compiled,
float32 and bfloat16, channels last, one process and two) with one seed, and lays the losses over
each other: modes.png, modes.svg, modes.csv, and a table of how far each is from the first.
"""
import argparse
from pathlib import Path

from lrfr_mm.analysis.training_modes import MODES, compare_modes
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--out', required=True, type=Path)
    parser.add_argument('--steps', type=int, default=200)
    parser.add_argument('--batch-size', type=int, default=64, help='of the config')
    parser.add_argument('--modes', nargs='+', choices=tuple(MODES), default=list(MODES))
    parser.add_argument('--cfg-options', nargs='+', default=[])
    args = parser.parse_args()
    print(compare_modes(args.config, args.modes, args.steps, args.out, args.batch_size,
                        args.cfg_options, Path(__file__).parents[1]))


if __name__ == '__main__':
    run_command(main)
