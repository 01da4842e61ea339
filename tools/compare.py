"""One report for several test runs: python tools/compare.py WORK_DIR WORK_DIR ... --out DIR.

Writes report/index.html, metrics.json, differences.json (each rate against the first run's, with
its 95 % interval and the p-value of McNemar's exact test), and tables/ as CSV, Markdown and LaTeX.
"""
import argparse
from pathlib import Path

from lrfr_mm.engine.cli import run_command
from lrfr_mm.evaluation.report import compare_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='WORK_DIR', help='work dirs of tools/test.py; '
                        'the first is what the others are compared with')
    parser.add_argument('--out', required=True, type=Path)
    args = parser.parse_args()
    print(compare_runs(args.runs, args.out))


if __name__ == '__main__':
    run_command(main)
