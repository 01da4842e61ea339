"""What `tools/study.py methods` does."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config

from lrfr_mm.analysis.methods.configs import Method, apply_changes, read_methods, with_values
from lrfr_mm.analysis.methods.page import trade_figure, write_page
from lrfr_mm.analysis.methods.tables import (
    MethodResult,
    method_tables,
    primary_metric,
    sort_methods,
)
from lrfr_mm.analysis.study.command import StudySettings
from lrfr_mm.analysis.study.results import collect, items_of_runs
from lrfr_mm.analysis.study.runner import Row, run_rows
from lrfr_mm.engine.config import read_config
from lrfr_mm.errors import InputError, reading
from lrfr_mm.evaluation.report import to_markdown, write_tables
from lrfr_mm.files import write_text

__all__ = ['MethodStudy', 'run_methods']

SEARCH_SEED = 1000  # apart from the seeds of the table


@dataclass(frozen=True)
class MethodStudy:
    """What is compared.

    Attributes:
        base: Config that the methods change: training set, network, schedule.
        methods: Directory with a config a method.
        common: Config that all of these have in common.
        test: Config with the test (``test_dataloader``, ``test_evaluator``) and the held-out part
            (``search_dataloader``, ``search_evaluator``).
        names: Methods; None for all.
        against: Method that the others are compared with.
    """

    base: str
    methods: Path = Path('configs/methods')
    common: str = 'methods/_base_/drawn_faces'
    test: str = 'lrfr/studies/methods_test'
    names: Sequence[str] | None = None
    against: str = 'lrfr'


def run_methods(study: MethodStudy, settings: StudySettings) -> Path:
    """Search, train, test and compare all methods; a second start goes on where the first ended.

    1. Each method's main hyper-parameter: a training a value, with a seed of its own; the best mean
       of the accuracies on the held-out part is chosen. A method with one candidate needs no run.
    2. Each method with its chosen value and every seed.
    3. Time and memory of a step of each method, one after the other.

    Returns:
        Path of the page; beside it are ``methods.md``, ``methods.png`` and ``tables/``.

    Raises:
        InputError: If the method compared with is not among the methods.
    """
    methods = read_methods(study.methods, read_config(study.common),
                           None if study.names is None else list(study.names))
    if study.against not in [method.name for method in methods]:
        raise InputError(f'the methods are compared with {study.against!r}, which is not among '
                         f'them: {", ".join(method.name for method in methods)}')
    base, test = read_config(study.base), read_config(study.test)
    configs = {method.name: apply_changes(base, method.changes) for method in methods}
    chosen, searched = _search(methods, configs, test, settings)
    rows = [Row(method.name, _write(
        with_values(configs[method.name], chosen[method.name]), test, 'test',
        settings.out / 'configs' / f'{method.name}.py')) for method in methods]
    values = settings.run(rows)
    results = sort_methods([MethodResult(
        row.name, values[row.name], items_of_runs(row, settings.numbers, settings.out),
        chosen[row.name], searched[row.name], _step_cost(row, settings.out)) for row in rows])
    return _report(results, study, settings)


def _write(config: Config, test: Config, part: str, path: Path) -> str:
    """Write ``config`` with the benchmarks of ``part`` ('test' or 'search') and without validation
    inside the training; returns the path.
    """
    config.test_dataloader = test[f'{part}_dataloader']
    config.test_evaluator = test[f'{part}_evaluator']
    if 'data_root' in test:
        config.data_root = test.data_root
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'search'):
        config.pop(key, None)
    config.train_cfg.pop('val_interval', None)
    config.get('default_hooks', {}).get('checkpoint', {}).pop('save_best', None)
    write_text(path, config.pretty_text)
    return str(path)


def _search(methods: list[Method], configs: dict[str, Config], test: Config,
            settings: StudySettings) -> tuple[dict[str, dict], dict[str, int]]:
    """The chosen values of each method, and how many runs that took."""
    out, rows, candidates = settings.out / 'search', [], {}
    for method in methods:
        tried = method.candidates()
        for k, values in enumerate(tried):
            row = Row(f'{method.name}_{k}', _write(with_values(configs[method.name], values), test,
                                                   'search', out / 'configs' /
                                                   f'{method.name}_{k}.py')
                      if len(tried) > 1 else '')
            candidates.setdefault(method.name, []).append((row, values))
            if len(tried) > 1:
                rows.append(row)
    run_rows(rows, [SEARCH_SEED], out, settings.tools, list(settings.options),
             ['--amp'] if settings.amp else [], settings.jobs)
    scores = {name: _held_out(values) for name, values in
              collect(rows, [SEARCH_SEED], out).items()}
    chosen = {name: max(tried, key=lambda pair: scores.get(pair[0].name, 0.))[1]
              for name, tried in candidates.items()}
    write_text(out / 'chosen.json', json.dumps(dict(scores=scores, chosen=chosen), indent=2) + '\n')
    return chosen, {name: len(tried) if len(tried) > 1 else 0
                    for name, tried in candidates.items()}


def _held_out(values: dict[str, np.ndarray]) -> float:
    """Mean of the accuracies of a run of the search, percent."""
    return float(np.mean([found[0] for name, found in values.items()
                          if name.rpartition('/')[2].startswith('accuracy@')
                          and not name.endswith(('_low', '_high'))]))


def _step_cost(row: Row, out: Path) -> dict[str, float]:
    path = out / 'step_cost' / f'{row.name}.json'
    if not path.is_file():
        done = subprocess.run([sys.executable, '-m', 'lrfr_mm.analysis.methods.step_cost',
                               row.config, str(path)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f'the step of {row.name}: {done.stderr.strip().splitlines()[-1]}')
    with reading(str(path)):
        return {key: float(value) for key, value in json.loads(path.read_text()).items()}


def _report(results: list[MethodResult], study: MethodStudy, settings: StudySettings) -> Path:
    """Tables, picture and page of the results, which are sorted."""
    out, tables = settings.out, method_tables(results, study.against)
    about = (
        f'{len(results)} methods on {study.base}, {settings.seeds} seed(s) each, the same images '
        f'seen by each; {sum(result.searched for result in results)} runs searched their main '
        'hyper-parameters on held-out people. Accuracy of pairs and rank 1 in percent, mean ± '
        'standard deviation over seeds; in brackets p against '
        f'{study.against} by a paired bootstrap over seeds and items. Sorted by '
        f'{primary_metric()}.')
    write_text(out / 'methods.md', about + '\n\n' + '\n'.join(
        f'## {name}\n\n{to_markdown(table)}' for name, table in tables.items()))
    write_tables(out / 'tables', tables)
    picture = trade_figure(results, study.against, out)
    page = write_page(tables, about, out)
    print((out / 'methods.md').read_text())
    print(picture)
    print(page)
    return page
