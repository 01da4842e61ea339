"""Read damaged files of every format: python tools/analysis_tools/fuzz_readers.py [--count N].

A reader must refuse damage by an error that names the file, or read what is there: no other
exception, no crash, no more than 2 GiB or 5 s a file. Exit code 1 if one does not.
"""
import argparse

from lrfr_mm.analysis.fuzz import FUZZ_CASES, run_case
from lrfr_mm.engine.cli import imports_parser, run_command


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, parents=[imports_parser()],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=1000, help='mutants a format (default 1000)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--formats', nargs='+', choices=tuple(FUZZ_CASES), metavar='FORMAT',
                        help='default: all; an unknown one is answered with their names')
    args = parser.parse_args()
    failed = 0
    for name in args.formats or FUZZ_CASES:
        result = run_case(FUZZ_CASES[name], args.count, args.seed)
        print(f'{name:24}', ', '.join(f'{count} {kind}' for kind, count in
                                      sorted(result.counts.items())), flush=True)
        for number, kind, text in result.failures:
            print(f'  mutant {number}: {kind}: {text.strip().splitlines()[-1]}')
        failed += len(result.failures)
    return 1 if failed else 0


if __name__ == '__main__':
    run_command(main)
