"""Several test runs side by side: tables, and which differences are more than chance."""
from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional.intervals import paired_comparison
from lrfr_mm.evaluation.report.page import write_report
from lrfr_mm.evaluation.report.published import TABLES
from lrfr_mm.evaluation.report.run import read_run
from lrfr_mm.evaluation.report.tables import to_markdown, write_tables
from lrfr_mm.files import write_text

__all__ = ['compare_runs', 'comparison_tables', 'differences']


def differences(first: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, dict]:
    """Compare every rate that two runs have on the same items; see ``paired_comparison``.

    Args:
        first, other: Name to bool (N,), of ``read_items``.

    Returns:
        Name to ``difference``, ``low``, ``high`` (percent points) and ``p``.
    """
    out = {}
    for name in first:
        if name in other and first[name].shape == other[name].shape and first[name].size:
            found = paired_comparison(first[name], other[name])
            out[name] = {key: value if key == 'p' else 100 * value
                         for key, value in found.items()}
    return out


def comparison_tables(runs: list[dict]) -> dict[str, pd.DataFrame]:
    """Tables by name.

    'benchmarks' has a row a metric and a column a run; 'table1' to 'table3' are the paper's, its
    published rows first, where a run has one of their metrics.

    Args:
        runs: Of ``read_run`` or ``collect_run``.
    """
    metrics = dict.fromkeys(row['name'] for run in runs for row in run['rows'])
    tables = {'benchmarks': pd.DataFrame(
        [[metric, *(run['metrics'].get(metric) for run in runs)] for metric in metrics],
        columns=['metric', *(run['name'] for run in runs)])}
    for key, table in TABLES.items():
        if any(metric in run['metrics'] for run in runs for metric in table.columns.values()):
            rows = [[name, *values] for name, values in table.rows.items()]
            rows += [[run['name'], *(run['metrics'].get(m) for m in table.columns.values())]
                     for run in runs]
            tables[key] = pd.DataFrame(rows, columns=['method', *table.columns])
    return tables


def compare_runs(folders: Sequence[str | Path], out: Path) -> str:
    """Compare work dirs of tools/test.py; the first is what the others are compared with.

    Writes ``report/index.html``, ``metrics.json``, ``differences.json`` and ``tables/``.

    Args:
        folders: Work dirs.
        out: Folder of the files.

    Returns:
        What to print: the table, how many rates differ, and where everything is.

    Raises:
        InputMissingError, InputError: If a work dir has no readable run, or two have one name.
    """
    runs = [read_run(folder) for folder in folders]
    names = [run['name'] for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f'two runs have the same name: {", ".join(names)}')
    found = {run['name']: differences(runs[0]['items'], run['items']) for run in runs[1:]}
    for run in runs[1:]:
        run['against'] = {name: f'{d["difference"]:+.2f} ({d["low"]:+.1f} to {d["high"]:+.1f}), '
                          f'p = {d["p"]:.3g}' for name, d in found[run['name']].items()}
    metrics = {f'{run["name"]}/{key}': value for run in runs
               for key, value in run['metrics'].items()}
    tables = comparison_tables(runs)
    write_text(out / 'metrics.json', json.dumps(metrics, indent=2) + '\n')
    write_text(out / 'differences.json', json.dumps(found, indent=2) + '\n')
    write_tables(out / 'tables', tables)
    page = write_report(out / 'report', runs)
    lines = [to_markdown(tables['benchmarks'])]
    lines += [f'{name} differs from {names[0]} (p < 0.05) in '
              f'{sum(d["p"] < .05 for d in rates.values())} of {len(rates)} rates'
              for name, rates in found.items()]
    return '\n'.join([*lines, f'metrics: {out / "metrics.json"}', f'tables: {out / "tables"}',
                      f'report: {page}'])
