"""Tables of several runs as CSV, Markdown and LaTeX, and which differences are more than chance."""
from __future__ import annotations

import csv
import io

import numpy as np

from lrfr_mm.evaluation.functional.bootstrap import paired_bootstrap
from lrfr_mm.evaluation.report.published import TABLES

__all__ = ['comparison_rows', 'differences', 'to_csv', 'to_latex', 'to_markdown']


def differences(first: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, dict]:
    """Paired bootstrap of every rate that both runs have on the same items.

    Args:
        first, other: Name to bool (N,) of ``items.npz``.

    Returns:
        Name to ``difference``, ``low``, ``high`` (percent points) and ``p``.
    """
    out = {}
    for name in first:
        if name in other and first[name].shape == other[name].shape and first[name].size:
            found = paired_bootstrap(first[name], other[name])
            out[name] = {key: value if key == 'p' else 100 * value
                         for key, value in found.items()}
    return out


def comparison_rows(runs: list[dict]) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Tables by name: heading and rows, all text.

    'benchmarks' has a line a metric and a column a run; 'table1' to 'table3' are the paper's, its
    published rows first, where a run has one of their metrics.
    """
    names = [run['name'] for run in runs]
    metrics = dict.fromkeys(row['name'] for run in runs for row in run['rows'])
    tables = {'benchmarks': (['metric', *names], [
        [metric, *(f'{run["metrics"][metric]:.2f}' if metric in run['metrics'] else ''
                   for run in runs)] for metric in metrics])}
    for key, table in TABLES.items():
        if any(metric in run['metrics'] for run in runs for metric in table.columns.values()):
            rows = [[name, *('' if v is None else f'{v:.2f}' for v in values)]
                    for name, values in table.rows.items()]
            rows += [[run['name'], *(f'{run["metrics"][m]:.2f}' if m in run['metrics'] else ''
                                     for m in table.columns.values())] for run in runs]
            tables[key] = (['method', *table.columns], rows)
    return tables


def to_csv(head: list[str], rows: list[list[str]]) -> str:
    """Comma-separated values."""
    out = io.StringIO()
    csv.writer(out, lineterminator='\n').writerows([head, *rows])
    return out.getvalue()


def to_markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ['---'] + ['---:'] * (len(head) - 1), *rows]
    return ''.join('| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |\n'
                   for line in lines)


def to_latex(head: list[str], rows: list[list[str]]) -> str:
    """A LaTeX tabular; needs booktabs."""
    def line(cells):
        return ' & '.join(_latex(cell) for cell in cells) + ' \\\\\n'

    return ('\\begin{tabular}{l' + 'r' * (len(head) - 1) + '}\n\\toprule\n' + line(head)
            + '\\midrule\n' + ''.join(map(line, rows)) + '\\bottomrule\n\\end{tabular}\n')


def _latex(text: str) -> str:
    for mark in '&%$#_{}':
        text = text.replace(mark, '\\' + mark)
    return text
