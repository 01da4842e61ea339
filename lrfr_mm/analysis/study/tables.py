"""Tables of a study: mean and deviation over seeds, and p-values over seeds and items."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lrfr_mm.evaluation.functional.bootstrap import runs_bootstrap

__all__ = ['ablation_table', 'p_value', 'spread', 'study_table']

Results = Mapping[str, Mapping[str, np.ndarray]]


def spread(values: np.ndarray | None, sign: str = '') -> str:
    """'mean ± standard deviation' (N - 1) of values (S,) with two digits; '–' without values."""
    if values is None or len(values) == 0:
        return '–'
    if len(values) == 1:
        return f'{values[0]:{sign}.2f}'
    return f'{values.mean():{sign}.2f} ± {values.std(ddof=1):.2f}'


def p_value(theirs: np.ndarray | None, ours: np.ndarray | None) -> float | None:
    """p of ``runs_bootstrap`` between two rows' items, bool (S, N) each; None where they have not
    the same items.
    """
    if theirs is None or ours is None or theirs.shape != ours.shape:
        return None
    return runs_bootstrap(theirs, ours)['p']


def study_table(results: Results, metrics: Sequence[str]) -> pd.DataFrame:
    """A row a metric: mean ± deviation over seeds of each config, and the mean paired difference
    of each to the first.
    """
    names = list(results)
    first = results[names[0]]
    rows = []
    for metric in metrics:
        cells = [spread(results[name].get(metric)) for name in names]
        for name in names[1:]:
            values = results[name]
            paired = (metric in values and metric in first
                      and len(values[metric]) == len(first[metric]))
            cells.append(spread(values[metric] - first[metric] if paired else None, sign='+'))
        rows.append([metric, *cells])
    return pd.DataFrame(rows, columns=['', *names, *(f'{name} - {names[0]}'
                                                     for name in names[1:])])


def ablation_table(against: Mapping[str, str | None], results: Results, items: Results,
                   metrics: Sequence[str],
                   published: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Our table beside the published one.

    Args:
        against: Row to the row that it is compared with, or None.
        results: Of ``collect``.
        items: Of ``items_of_runs``, by row.
        metrics: Our columns.
        published: Column of the published table to its numbers by row; may be empty.

    Returns:
        Mean ± deviation over seeds, in brackets the p-value of a paired bootstrap over runs and
        items (``runs_bootstrap``) against the row compared with, then the published numbers.
    """
    rows = []
    for name, other in against.items():
        cells = [name, other or '']
        for metric in metrics:
            text = spread(results.get(name, {}).get(metric))
            p = p_value(items.get(other or '', {}).get(metric), items.get(name, {}).get(metric))
            cells.append(text if p is None else f'{text} (p = {p:.2g})')
        cells += [f'{numbers[name]:g}' if name in numbers else '' for numbers in published.values()]
        rows.append(cells)
    return pd.DataFrame(rows, columns=['row', 'against', *metrics,
                                       *(f'paper: {column}' for column in published)])
