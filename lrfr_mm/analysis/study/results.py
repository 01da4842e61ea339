"""What the finished runs of a study gave."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.study.runner import Row
from lrfr_mm.errors import reading
from lrfr_mm.evaluation.report import read_items

__all__ = ['accuracies', 'collect', 'default_metrics', 'items_of_runs']


def collect(rows: list[Row], seeds: list[int], out: Path) -> dict[str, dict[str, np.ndarray]]:
    """``{row: {metric: values (S,)}}`` of all finished runs, in the order of ``seeds``.

    Raises:
        InputError: If a ``metrics.json`` is damaged; the text names it.
    """
    found = {}
    for row in rows:
        runs = [_read_metrics(row.folder(out, seed) / 'metrics.json') for seed in seeds
                if (row.folder(out, seed) / 'metrics.json').is_file()]
        keys = [key for key in (runs[0] if runs else {}) if all(key in run for run in runs)]
        found[row.name] = {key: np.array([run[key] for run in runs]) for key in keys}
    return found


def _read_metrics(path: Path) -> dict[str, float]:
    with reading(str(path)):
        return {str(key): float(value)
                for key, value in json.loads(path.read_text(encoding='utf-8')).items()}


def items_of_runs(row: Row, seeds: list[int], out: Path) -> dict[str, np.ndarray]:
    """Which items each rate of ``row`` got right: name to bool (S, N), a line a seed.

    Raises:
        InputError: If an ``items.npz`` is damaged; the text names it.
    """
    runs = [found for seed in seeds
            if (found := read_items(row.folder(out, seed) / 'items.npz'))]
    shared = [name for name in (runs[0] if runs else {}) if all(
        name in run and run[name].shape == runs[0][name].shape for run in runs)]
    return {name: np.stack([run[name] for run in runs]) for name in shared}


def accuracies(names: list[str]) -> list[str]:
    """Those of ``names`` that are accuracies, without deviations and ends of intervals."""
    return [name for name in names if 'accuracy' in name
            and not name.endswith(('_std', '_low', '_high'))]


def default_metrics(names: list[str], table: str) -> list[str]:
    """Which of a sweep's accuracies a table shows: at 7, 14, 20 and 112 px, and of different
    resolutions at 7; for the question of the degradation those of every degradation at 7 and 14 px.
    """
    def kind(name: str) -> str:
        return name.split('/')[0].rsplit('_', 1)[-1]

    if table == 'degradation':
        return [n for n in names if n.endswith(('accuracy@7', 'accuracy@14'))
                and kind(n) != 'cross']
    return [n for n in names if (kind(n) == 'sweep' and n.endswith(
        ('accuracy@7', 'accuracy@14', 'accuracy@20', 'accuracy@112')))
        or (kind(n) == 'cross' and n.endswith('accuracy@7'))]
