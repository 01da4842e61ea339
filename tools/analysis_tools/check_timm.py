"""Which of timm's networks take face images, and how: builds and runs one of each module."""
import argparse

from lrfr_mm.analysis.timm_networks import NetworkCheck, check_modules, check_network
from lrfr_mm.engine.cli import run_command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--modules', nargs='+', metavar='MODULE',
                        help='of timm.list_modules() (default: all)')
    parser.add_argument('--networks', nargs='+', metavar='NETWORK', default=[],
                        help='check these networks instead of one of each module')
    parser.add_argument('--input-size', type=int, default=112, help='side of the images, px')
    args = parser.parse_args()
    results = ((check_network(name, args.input_size) for name in args.networks) if args.networks
               else check_modules(args.modules, args.input_size))
    print('| ' + ' | '.join(NetworkCheck.header()) + ' |')
    print('|---' * len(NetworkCheck.header()) + '|')
    failed = 0
    for result in results:
        print('| ' + ' | '.join(str(value) for value in vars(result).values()) + ' |', flush=True)
        failed += bool(result.error)
    print(f'{failed} failed')
    return int(failed > 0)


if __name__ == '__main__':
    run_command(main)
