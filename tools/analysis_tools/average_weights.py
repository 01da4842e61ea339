"""Average a network before and after adaptation, and draw what each share costs and brings.

python tools/analysis_tools/average_weights.py CONFIG BEFORE AFTER --people PEOPLE --out DIRECTORY
"""
import argparse
from pathlib import Path

from lrfr_mm.analysis.weight_averaging import average_checkpoints
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='of the network')
    parser.add_argument('before', help='checkpoint before adaptation')
    parser.add_argument('after', help='checkpoint after it')
    parser.add_argument('--people', required=True, help='aligned faces to measure on, one '
                        'directory a person')
    parser.add_argument('--out', required=True, help='for the table and the plot')
    parser.add_argument('--shares', type=float, nargs='+', default=(0, .25, .5, .75, 1),
                        help='of the adapted weights')
    parser.add_argument('--degradation', default='bicubic')
    parser.add_argument('--save', metavar='SHARE', type=float,
                        help='also write the average with this share')
    args = parser.parse_args()
    for row in average_checkpoints(args.config, args.before, args.after, args.people,
                                   Path(args.out), args.shares, args.degradation, args.save):
        print('  '.join(f'{name} {value:.2f}' for name, value in row.items()))


if __name__ == '__main__':
    run_command(main)
