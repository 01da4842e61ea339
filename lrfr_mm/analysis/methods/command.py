"""What `tools/study.py methods` does."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config

from lrfr_mm.analysis.methods.configs import (
    Method,
    method_config,
    read_methods,
    value_of,
    views_on_device,
    with_epochs,
    with_values,
)
from lrfr_mm.analysis.methods.page import trade_figure, write_page
from lrfr_mm.analysis.methods.step_cost import measure_steps
from lrfr_mm.analysis.methods.tables import (
    MethodResult,
    method_tables,
    primary_metric,
    sort_methods,
)
from lrfr_mm.analysis.study.command import StudySettings
from lrfr_mm.analysis.study.results import collect, items_of_runs
from lrfr_mm.analysis.study.runner import Row
from lrfr_mm.engine.config import read_config
from lrfr_mm.errors import ConfigError, InputError, InputMissingError, reading
from lrfr_mm.evaluation.report import to_markdown, write_tables
from lrfr_mm.files import write_text
from lrfr_mm.registry import type_name

__all__ = ['MethodStudy', 'run_methods']

SEARCH_SEED = 1000  # apart from the seeds of the table
_SEARCH_SHARE = .4  # of the minutes


@dataclass(frozen=True)
class MethodStudy:
    """What is compared.

    Attributes:
        base: Config that the methods change: training set, network, schedule.
        methods: Directory with a config a method.
        common: Config that all of these have in common.
        test: Config with the test (``test_dataloader``, ``test_evaluator``) and the held-out part
            (``search_dataloader``, ``search_evaluator``).
        names: Methods; None for all. Teachers of these are added.
        against: Method that the others are compared with.
        epochs: Epochs of each run of the table; None for the base's.
        search_epochs: Epochs of each run of the search; None for half of them.
        chosen: ``search/chosen.json`` of an earlier study, whose values are taken without a search
            of one's own; a method that it does not name has the values of its config.
    """

    base: str
    methods: Path = Path('configs/methods')
    common: str = 'methods/_base_/drawn_faces'
    test: str = 'lrfr/studies/methods_test'
    names: Sequence[str] | None = None
    against: str = 'lrfr'
    epochs: int | None = None
    search_epochs: int | None = None
    chosen: Path | None = None

    def __post_init__(self) -> None:
        for name in ('epochs', 'search_epochs'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f'--{name.replace("_", "-")} must be at least 1, got {value}')


def run_methods(study: MethodStudy, settings: StudySettings) -> Path:
    """Search, train, test and compare all methods; a second start goes on where the first ended.

    1. Each method's main hyper-parameter: a training a value, with a seed of its own; the best mean
       of the accuracies on the held-out part is chosen. A method with one candidate needs no run.
       A student's teacher is the run of the teacher's method with the value of its config.
    2. Time and memory of a step of each method, one after the other.
    3. Each method with its chosen value and every seed. A student's teacher is the run of the
       teacher's method with the same seed.

    Runs that fail are named, and the tables are made of the others.

    Returns:
        Path of the page; beside it are ``methods.md``, ``methods.png`` and ``tables/``.

    Raises:
        InputError: If the method compared with is not among the methods.
        RuntimeError: After the page is written, if a run failed; before it, if none has ended.
    """
    methods = read_methods(study.methods, read_config(study.common),
                           None if study.names is None else list(study.names))
    if study.against not in [method.name for method in methods]:
        raise InputError(f'the methods are compared with {study.against!r}, which is not among '
                         f'them: {", ".join(method.name for method in methods)}')
    base, test = read_config(study.base), read_config(study.test)
    epochs = study.epochs or base.train_cfg.get('max_epochs')
    if study.epochs is not None:
        base = with_epochs(base, study.epochs)
    configs = {method.name: _overridden(views_on_device(method_config(base, method)),
                                        settings.overrides) for method in methods}
    short = study.search_epochs or (epochs and max(1, epochs // 2))
    if study.chosen is not None:
        chosen, searched = _read_chosen(study.chosen, methods), dict.fromkeys(configs, 0)
    else:
        chosen, searched = _search(methods, {name: with_epochs(config, short) if short else config
                                             for name, config in configs.items()}, test, settings)
    rows = _rows(methods, {method.name: with_values(configs[method.name], chosen[method.name])
                           for method in methods}, test, settings.out / 'configs')
    costs = {row.name: settings.out / 'step_cost' / f'{row.name}.json' for row in rows}
    settings.failures.update(measure_steps({row.config: costs[row.name] for row in rows},
                                           settings.out / 'step_cost' / 'log.txt'))
    values = settings.run(rows)
    if study.against not in values:
        settings.raise_failures()
        raise RuntimeError(f'no run of {study.against} has ended, which the methods are compared '
                           'with; a second start goes on where this one stopped')
    results = sort_methods([MethodResult(
        row.name, values[row.name], items_of_runs(row, settings.numbers, settings.out),
        tuple(seed for seed in settings.numbers if row.done(settings.out, seed)),
        chosen[row.name], searched[row.name], _read_cost(costs[row.name]),
        _network(configs[row.name]))
        for row in rows if row.name in values])
    page = _report(results, [row.name for row in rows if row.name not in values], study, settings,
                   configs[study.against])
    settings.raise_failures()
    return page


def _overridden(config: Config, overrides: dict[str, str]) -> Config:
    """``config`` with the study's overrides, as its runs see it. ``data_root`` stays: the runs move
    the test's paths by it. A config that lacks a key stays as it is: its runs fail and say so.
    """
    values = {key: value for key, value in overrides.items() if key != 'data_root'}
    try:
        return with_values(config, values)
    except ConfigError:
        return config


def _network(config: Config) -> str:
    backbone = config.model.backbone
    return str(backbone.get('model_name', type_name(backbone)))


def _rows(methods: list[Method], configs: dict[str, Config], test: Config, folder: Path
          ) -> list[Row]:
    """A row a method, students with their teacher's row; their configs are in ``folder``."""
    rows: dict[str, Row] = {}
    for method in sorted(methods, key=lambda method: method.teacher is not None):
        teacher = rows.get(method.teacher)
        rows[method.name] = Row(method.name, _write(configs[method.name], test, 'test', folder /
                                                    f'{method.name}.py', teacher), (), teacher)
    return [rows[method.name] for method in methods]


def _write(config: Config, test: Config, part: str, path: Path, teacher: Row | None) -> str:
    """Write ``config`` with the benchmarks of ``part`` ('test' or 'search') and without validation
    inside the training; returns the path.

    The teacher has the model of its row; the study sets the checkpoint of each run.
    """
    config.test_dataloader = test[f'{part}_dataloader']
    config.test_evaluator = test[f'{part}_evaluator']
    if 'data_root' in test:
        config.data_root = test.data_root
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'search', 'teacher_row'):
        config.pop(key, None)
    config.train_cfg.pop('val_interval', None)
    config.get('default_hooks', {}).get('checkpoint', {}).pop('save_best', None)
    if teacher is not None:
        config.model.teacher.update(model=teacher.config, checkpoint=None)
    write_text(path, config.pretty_text)
    return str(path)


def _search(methods: list[Method], configs: dict[str, Config], test: Config,
            settings: StudySettings) -> tuple[dict[str, dict], dict[str, int]]:
    """The chosen values of each method, and how many runs that took."""
    out, rows, tried = settings.out / 'search', [], {}
    own: dict[str, Row] = {}  # of each method the run with the value of its config
    teachers = {method.teacher for method in methods}
    for method in sorted(methods, key=lambda method: method.teacher is not None):
        config, values = configs[method.name], method.candidates()
        if len(values) == 1 and method.name not in teachers:
            tried[method.name] = []
            continue
        tried[method.name] = [(Row(f'{method.name}_{k}', _write(
            with_values(config, value), test, 'search',
            out / 'configs' / f'{method.name}_{k}.py', own.get(method.teacher)), (),
            own.get(method.teacher)), value) for k, value in enumerate(values)]
        rows += [row for row, _ in tried[method.name]]
        own[method.name] = next((row for row, value in tried[method.name] if all(
            value_of(config, key) == value[key] for key in value)), tried[method.name][0][0])
    settings.run_part(rows, [SEARCH_SEED], out, _SEARCH_SHARE)
    scores = {name: _held_out(values) for name, values in
              collect(rows, [SEARCH_SEED], out).items() if values}
    chosen = {method.name: _best(tried[method.name], scores, method.candidates()[0]
                                 if len(method.candidates()) == 1 else {}) for method in methods}
    write_text(out / 'chosen.json', json.dumps(dict(scores=scores, chosen=chosen), indent=2) + '\n')
    return chosen, {name: sum(row.name in scores for row, _ in found) if len(found) > 1 else 0
                    for name, found in tried.items()}


def _read_chosen(path: Path, methods: list[Method]) -> dict[str, dict]:
    """The values of an earlier search, for each method; none where it has none.

    Raises:
        InputMissingError, InputError: If the file is missing, or is no result of a search.
    """
    if not path.is_file():
        raise InputMissingError(f'{path} is not there')
    with reading(str(path)):
        found = json.loads(path.read_text(encoding='utf-8'))['chosen']
        return {method.name: dict(found.get(method.name, {})) for method in methods}


def _best(tried: list[tuple[Row, dict]], scores: dict[str, float], otherwise: dict) -> dict:
    """The values with the best score; ``otherwise`` if no run has one."""
    found = [(scores[row.name], k) for k, (row, _) in enumerate(tried) if row.name in scores]
    return tried[max(found, key=lambda pair: pair[0])[1]][1] if found else otherwise


def _held_out(values: dict[str, np.ndarray]) -> float:
    """Mean of the accuracies of a run of the search, percent."""
    return float(np.mean([found[0] for name, found in values.items()
                          if name.rpartition('/')[2].startswith('accuracy@')
                          and not name.endswith(('_low', '_high'))]))


def _read_cost(path: Path) -> dict[str, float]:
    """``step_cost`` of a file; nothing if it is not there."""
    if not path.is_file():
        return {}
    with reading(str(path)):
        return {key: float(value) for key, value in json.loads(path.read_text()).items()}


def _origin(study: MethodStudy, results: list[MethodResult]) -> str:
    """Where the values of the main hyper-parameters come from, in words."""
    if study.chosen is not None:
        return f'their main hyper-parameters are those of an earlier search ({study.chosen.name})'
    return (f'{sum(result.searched for result in results)} shorter runs searched their main '
            'hyper-parameters on held-out people')


def _report(results: list[MethodResult], missing: list[str], study: MethodStudy,
            settings: StudySettings, config: Config) -> Path:
    """Tables, picture and page of the results, which are sorted."""
    out, tables = settings.out, method_tables(results, study.against)
    seeds = {len(result.seeds) for result in results}
    shown = str(max(seeds)) if len(seeds) == 1 else f'{min(seeds)} to {max(seeds)}'
    about = (
        f'{len(results)} methods on {study.base}, {shown} seed(s) each, '
        f'{config.train_cfg.get("max_epochs")} epochs of '
        f'the same images; {_origin(study, results)}. Accuracy of pairs and rank 1 in percent, '
        f'mean ± standard deviation over seeds; in brackets p against {study.against} by a paired '
        f'bootstrap over seeds and items. Sorted by {primary_metric()}.')
    if missing:
        about += f' Without a finished run: {", ".join(missing)}.'
    write_text(out / 'methods.md', about + '\n\n' + '\n'.join(
        f'## {name}\n\n{to_markdown(table)}' for name, table in tables.items()))
    write_tables(out / 'tables', tables)
    picture = trade_figure(results, study.against, out)
    page = write_page(tables, about, out)
    print((out / 'methods.md').read_text())
    print(picture)
    print(page)
    return page
