"""Fit the weight of QMagFace's score on the training set of a model whose lengths tell quality.

Prints the setting for PairVerification(quality=...), and the true accept rate of the pairs without
and with it.
"""
import argparse

from lrfr_mm.analysis.quality_fit import fit_quality
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the training, e.g. configs/methods/magface.py')
    parser.add_argument('checkpoint', help='checkpoint of the training')
    parser.add_argument('--pairs', type=int, default=6000, help='pairs to draw')
    parser.add_argument('--resolutions', type=int, nargs='*', default=[], metavar='PX',
                        help='show images at these sides too, e.g. 7 14 20')
    parser.add_argument('--far', type=float, default=1e-2, help='false accept rate of the fit')
    parser.add_argument('--seed', type=int, default=0, help='of pairs and resolutions')
    add_common_arguments(parser)
    args = parser.parse_args()
    weight, (plain, weighted) = fit_quality(load_config(args), args.checkpoint, args.pairs,
                                            args.resolutions, args.far, args.seed)
    print(f'quality=dict(slope={weight["slope"]:.6g}, offset={weight["offset"]:.6g})')
    print(f'TAR at FAR {args.far:g}: {100 * plain:.2f} % without, {100 * weighted:.2f} % with it')


if __name__ == '__main__':
    run_command(main)
