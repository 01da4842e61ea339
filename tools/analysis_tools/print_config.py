"""The whole config that a training runs with: files merged, overrides applied."""
import argparse
from pathlib import Path

from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config
from lrfr_mm.files import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a config file, e.g. configs/lrfr/demo.py')
    parser.add_argument('--save', type=Path, metavar='FILE', help='write it to a .py file as well')
    add_common_arguments(parser)
    args = parser.parse_args()
    text = load_config(args).pretty_text
    print(text)
    if args.save:
        write_text(args.save, text)


if __name__ == '__main__':
    run_command(main)
