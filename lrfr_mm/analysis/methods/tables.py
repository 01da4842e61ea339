"""The tables of the methods, best first."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lrfr_mm.analysis.study.tables import p_value, spread
from lrfr_mm.evaluation.report.published import METHOD_ROWS, published_numbers

__all__ = ['MethodResult', 'method_tables', 'primary_metric', 'sort_methods']

_COLUMNS = {
    '{}_sweep/accuracy@7': '7 px', '{}_sweep/accuracy@14': '14 px', '{}_sweep/accuracy@20': '20 px',
    '{}_sweep/accuracy@112': '112 px', '{}_cross/accuracy@7': '7 against 112 px',
    '{}_camera/accuracy@7': 'camera 7 px', '{}_camera/accuracy@14': 'camera 14 px',
    '{}_camera/accuracy@20': 'camera 20 px', '{}_1n/rank1': '1:N rank 1',
    '{}_1n_7/rank1': '1:N rank 1, probes 7 px'}


@dataclass(frozen=True)
class MethodResult:
    """What was found of one method.

    Attributes:
        name: Its name.
        values: Metric to its values over the seeds, (S,).
        items: Rate to which items were right, bool (S, N).
        seeds: The S seeds.
        chosen: Values that the search chose: config key to value.
        searched: Number of runs of the search.
        cost: ``milliseconds`` and ``megabytes`` of a step.
        network: Name of its backbone.
    """

    name: str
    values: Mapping[str, np.ndarray]
    items: Mapping[str, np.ndarray]
    seeds: tuple[int, ...]
    chosen: Mapping[str, object] = field(default_factory=dict)
    searched: int = 0
    cost: Mapping[str, float] = field(default_factory=dict)
    network: str = ''


def primary_metric(name: str = 'drawn', size: int = 7) -> str:
    """The accuracy of a test set with both images at ``size`` px."""
    return f'{name}_sweep/accuracy@{size}'


def sort_methods(results: Sequence[MethodResult]) -> list[MethodResult]:
    """Best mean accuracy at 7 px on drawn faces first."""
    return sorted(results, key=lambda result: -result.values[primary_metric()].mean())


def method_tables(results: Sequence[MethodResult], against: str) -> dict[str, pd.DataFrame]:
    """Tables by name: one a test set that was there ('drawn', 'att', 'yaleb'), 'search' and
    'published'.

    Args:
        results: Of all methods, in the order of the rows.
        against: Method that the others are compared with; the p-value, in brackets, is of
            ``runs_bootstrap`` over the seeds that both have, and items.
    """
    reference = next(result for result in results if result.name == against)
    sets = [key.removesuffix('_sweep/accuracy@7') for key in results[0].values
            if key.endswith('_sweep/accuracy@7')]
    tables = {name: _test_table(name, results, reference) for name in sets}
    for title, key in (('ms a step', 'milliseconds'), ('MB', 'megabytes')):
        tables['drawn'][title] = [f'{result.cost[key]:.0f}' if key in result.cost else '–'
                                  for result in results]
    tables['drawn']['network'] = [result.network for result in results]
    tables['search'] = pd.DataFrame(
        [[result.name, ', '.join(f'{key} = {value}' for key, value in result.chosen.items()),
          str(result.searched)] for result in results], columns=['method', 'chosen', 'runs'])
    tables['published'] = _published_table(results)
    return tables


def _test_table(name: str, results: Sequence[MethodResult], reference: MethodResult
                ) -> pd.DataFrame:
    columns = {key.format(name): title for key, title in _COLUMNS.items()
               if key.format(name) in reference.values}
    rows = []
    for result in results:
        cells = [result.name]
        for metric in columns:
            text = spread(result.values.get(metric))
            p = None if result is reference else _p_value(reference, result, metric)
            cells.append(text if p is None else f'{text} ({p:.2g})')
        rows.append(cells)
    return pd.DataFrame(rows, columns=['method', *columns.values()])


def _p_value(reference: MethodResult, result: MethodResult, metric: str) -> float | None:
    """p of the items of both under the seeds that both have; None without such."""
    shared = [seed for seed in reference.seeds if seed in result.seeds]
    if not shared or metric not in reference.items or metric not in result.items:
        return None
    theirs, ours = (each.items[metric][[each.seeds.index(seed) for seed in shared]]
                    for each in (reference, result))
    return p_value(theirs, ours)


def _published_table(results: Sequence[MethodResult]) -> pd.DataFrame:
    columns = {'scface/d1/rank1': 'SCface d1', 'scface/d2/rank1': 'SCface d2',
               'scface/d3/rank1': 'SCface d3', 'xqlfw/accuracy': 'XQLFW', 'lfw/accuracy': 'LFW'}
    rows = []
    for result in results:
        found = published_numbers(METHOD_ROWS.get(result.name, ''))
        rows.append([result.name, f'{result.values[primary_metric()].mean():.2f}',
                     f'{result.values[primary_metric(size=112)].mean():.2f}',
                     *(f'{found[key]:g}' if key in found else '' for key in columns)])
    return pd.DataFrame(rows, columns=['method', 'ours, 7 px', 'ours, 112 px', *(
        f'published, {title}' for title in columns.values())])
