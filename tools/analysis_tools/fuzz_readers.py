"""Read damaged files of every format: python tools/analysis_tools/fuzz_readers.py [--count N].

A reader must refuse damage by an error that names the file, or read what is there: no other
exception, no crash, no more than 2 GiB or 5 s a file. Exit code 1 if one does not.
"""
import argparse

from lrfr_mm.analysis.fuzz import FUZZ_CASES, run_case
from lrfr_mm.engine.cli import run_command
from lrfr_mm.registry import import_modules


def main() -> int:
    modules = argparse.ArgumentParser(add_help=False)
    modules.add_argument('--custom-imports', nargs='+', default=(), metavar='MODULE',
                         help='modules that register formats of your own')
    import_modules(modules.parse_known_args()[0].custom_imports)  # before the choices of --formats
    parser = argparse.ArgumentParser(description=__doc__, parents=[modules],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=1000, help='mutants a format (default 1000)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--formats', nargs='+', choices=tuple(FUZZ_CASES), help='default: all')
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
