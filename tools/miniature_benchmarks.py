"""Miniatures of the benchmarks in their true layouts: tools/miniature_benchmarks.py DIR.

To see tools/test.py at work on all of them before the real sets are there:

    python tools/miniature_benchmarks.py data/miniatures
    python tools/test.py CONFIG CHECKPOINT --benchmarks all --cfg-options data_root=data/miniatures/
"""
import argparse

from lrfr_mm.datasets import FolderFaces, SyntheticFaces
from lrfr_mm.datasets.benchmarks import MINIATURES, write_miniatures
from lrfr_mm.engine.cli import imports_parser, run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, parents=[imports_parser()],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root')
    parser.add_argument('--faces', metavar='DIRECTORY', help='people (default: drawn)')
    parser.add_argument('--people', type=int, default=24, help='drawn people (default 24)')
    parser.add_argument('--names', nargs='+', choices=tuple(MINIATURES), metavar='NAME',
                        help=f'of {", ".join(MINIATURES)} (default: all)')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    if args.faces:
        source = FolderFaces(args.faces)
    else:
        source = SyntheticFaces(args.people, 9, args.seed, first_identity=2_000_000)
    for folder in write_miniatures(args.root, source, args.names, args.seed):
        print(folder)


if __name__ == '__main__':
    run_command(main)
