"""Pair benchmarks: a pair list with its directory to insightface's .bin, and back."""
import argparse

from lrfr_mm.datasets.benchmarks.convert_pairs import bin_to_list, list_to_bin
from lrfr_mm.engine.cli import run_command


def to_bin(args) -> None:
    """Directory of people and pairs.txt to a .bin."""
    print(f'{args.bin}: {list_to_bin(args.root, args.pairs, args.bin)} pairs')


def to_list(args) -> None:
    """A .bin to DIRECTORY/image/image_0001.jpg ... and DIRECTORY/pairs.txt."""
    images, pairs = bin_to_list(args.bin, args.directory)
    print(f'{args.directory}: {images} images, {pairs} pairs')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    command = commands.add_parser('to-bin', help=to_bin.__doc__)
    command.set_defaults(function=to_bin)
    command.add_argument('root', help='directory of people, NAME/NAME_0001.jpg')
    command.add_argument('pairs', help='pairs.txt')
    command.add_argument('bin', help='written')
    command = commands.add_parser('to-list', help=to_list.__doc__)
    command.set_defaults(function=to_list)
    command.add_argument('bin')
    command.add_argument('directory', help='written')
    args = parser.parse_args()
    args.function(args)


if __name__ == '__main__':
    run_command(main)
