"""One report for several test runs: python tools/compare.py WORK_DIR WORK_DIR ... --out DIR.

Writes report/index.html, metrics.json, differences.json (each rate against the first run's, with
its 95 % interval and p-value by paired bootstrap), and tables/ as CSV, Markdown and LaTeX.
"""
import argparse
import json
from pathlib import Path

import numpy as np

from lrfr_mm.engine.cli import run_command
from lrfr_mm.evaluation.report import (
    comparison_rows,
    differences,
    to_csv,
    to_latex,
    to_markdown,
    write_report,
)
from lrfr_mm.files import write_text


def read_run(folder: str) -> dict:
    """``run.json`` of a work dir, with the items of ``items.npz``."""
    path = Path(folder, 'run.json')
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist: run tools/test.py into {folder} first')
    try:
        run = json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not JSON: {error}') from None
    items = Path(folder, 'items.npz')
    try:
        with np.load(items, allow_pickle=False) as data:
            run['items'] = {name: data[name] for name in data.files}
    except FileNotFoundError:
        run['items'] = {}
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='WORK_DIR', help='work dirs of tools/test.py; '
                        'the first is what the others are compared with')
    parser.add_argument('--out', required=True, type=Path)
    args = parser.parse_args()
    runs = [read_run(folder) for folder in args.runs]
    names = [run['name'] for run in runs]
    if len(set(names)) < len(names):
        raise ValueError(f'two runs have the same name: {", ".join(names)}')
    metrics = {f'{run["name"]}/{key}': value for run in runs for key, value in
               run['metrics'].items()}
    found = {run['name']: differences(runs[0]['items'], run['items']) for run in runs[1:]}
    for run in runs[1:]:
        run['against'] = {name: f'{d["difference"]:+.2f} ({d["low"]:+.1f} to {d["high"]:+.1f}), '
                          f'p = {d["p"]:.3g}' for name, d in found[run['name']].items()}
    write_text(args.out / 'metrics.json', json.dumps(metrics, indent=2) + '\n')
    write_text(args.out / 'differences.json', json.dumps(found, indent=2) + '\n')
    for name, (head, rows) in comparison_rows(runs).items():
        for suffix, writer in (('csv', to_csv), ('md', to_markdown), ('tex', to_latex)):
            write_text(args.out / 'tables' / f'{name}.{suffix}', writer(head, rows))
    page = write_report(args.out / 'report', runs)
    print(to_markdown(*comparison_rows(runs)['benchmarks']))
    for name, rates in found.items():
        real = {key: d for key, d in rates.items() if d['p'] < .05}
        print(f'{name} differs from {names[0]} (p < 0.05) in {len(real)} of {len(rates)} rates')
    print(f'metrics: {args.out / "metrics.json"}\ntables: {args.out / "tables"}\nreport: {page}')


if __name__ == '__main__':
    run_command(main)
