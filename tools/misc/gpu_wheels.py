"""List what to bring to a machine with a GPU and without a network: pip download -d DIR $(...)."""
import argparse

from lrfr_mm.analysis.benchmark.gpu.wheels import DEFAULT_PRESENT, wheels_to_bring
from lrfr_mm.engine.cli import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--present', nargs='+', default=list(DEFAULT_PRESENT), metavar='PACKAGE',
                        help=f'what the machine has (default: {", ".join(DEFAULT_PRESENT)})')
    parser.add_argument('--python', default='3.12', help='version of Python there (default: 3.12)')
    args = parser.parse_args()
    print('\n'.join(wheels_to_bring(args.present, python=args.python)))


if __name__ == '__main__':
    run_command(main)
