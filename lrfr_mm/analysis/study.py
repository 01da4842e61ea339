"""Rows of a table, each trained and tested with several seeds, resumable."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import torch

from lrfr_mm.evaluation.functional.bootstrap import runs_bootstrap
from lrfr_mm.files import write_text

__all__ = ['Row', 'ablation_markdown', 'collect', 'default_metrics', 'items_of_runs', 'run_rows',
           'study_markdown', 'write_study']


@dataclass(frozen=True)
class Row:
    """One line of a study.

    Attributes:
        name: What the table calls it.
        config: Path of its config.
        options: ``KEY=VALUE`` overrides, on top of the study's.
    """

    name: str
    config: str
    options: tuple[str, ...] = ()

    def folder(self, out: Path, seed: int) -> Path:
        return out / self.name.replace('/', '_').replace(' ', '_') / f'seed{seed}'


def run_rows(rows: list[Row], seeds: list[int], out: Path, tools: Path, options: list[str] = (),
             train_options: list[str] = (), jobs: int = 1) -> None:
    """Train and test every row with every seed.

    A run whose ``metrics.json`` is there is not repeated; one that was cut goes on from its last
    checkpoint. Each run's output is in ``log.txt`` in its folder.

    Args:
        rows: What to run.
        seeds: Seed of each repetition.
        out: Folder of the study: ``out/ROW/seedN``.
        tools: Folder of train.py and test.py.
        options: Overrides of every run, ``KEY=VALUE``.
        train_options: More arguments of tools/train.py.
        jobs: Runs at a time. They share the GPUs, one or several a GPU, or the CPU's cores.

    Raises:
        RuntimeError: If a run fails; the text names its log. Runs under way are waited for.
    """
    waiting = [(row, seed) for seed in seeds for row in rows
               if not (row.folder(out, seed) / 'metrics.json').is_file()]
    print(f'{len(waiting)} of {len(rows) * len(seeds)} runs to do', flush=True)
    places = SimpleQueue()
    for environment in _places(jobs):
        places.put(environment)

    def run(row: Row, seed: int) -> None:
        environment = places.get()
        try:
            folder = row.folder(out, seed)
            folder.mkdir(parents=True, exist_ok=True)
            overrides = [*options, *row.options]
            common = ['--work-dir', str(folder),
                      *(['--cfg-options', *overrides] if overrides else [])]
            start = time.perf_counter()
            with open(folder / 'log.txt', 'a') as log:
                _run(log, [tools / 'train.py', row.config, '--seed', seed, '--resume',
                           *train_options, *common], environment)
                _run(log, [tools / 'test.py', row.config, _last(folder), *common], environment)
            print(f'{row.name}, seed {seed}: {time.perf_counter() - start:.0f} s', flush=True)
        finally:
            places.put(environment)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, row, seed) for row, seed in waiting]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _places(jobs: int) -> list[dict[str, str]]:
    """Environment of each of ``jobs`` runs at a time: its GPU, or its share of the cores."""
    gpus = torch.cuda.device_count()
    if gpus:
        seen = os.environ.get('CUDA_VISIBLE_DEVICES')
        names = seen.split(',') if seen else [str(gpu) for gpu in range(gpus)]
        return [{'CUDA_VISIBLE_DEVICES': names[job % gpus]} for job in range(jobs)]
    if jobs == 1:
        return [{}]
    threads = max(1, len(os.sched_getaffinity(0)) // jobs) if hasattr(
        os, 'sched_getaffinity') else max(1, (os.cpu_count() or 1) // jobs)
    return [{'OMP_NUM_THREADS': str(threads)}] * jobs


def _last(folder: Path) -> Path:
    from lrfr_mm.engine.checkpoint import find_checkpoint
    return find_checkpoint(str(folder))


def _run(log, command: list, environment: dict[str, str]) -> None:
    log.flush()
    done = subprocess.run([sys.executable, *map(str, command)], stdout=log,
                          stderr=subprocess.STDOUT, env={**os.environ, **environment})
    if done.returncode:
        tail = Path(log.name).read_text(errors='replace').strip().splitlines()
        raise RuntimeError(f'{command[0].name} ended with {done.returncode}: '
                           f'{tail[-1] if tail else ""} (all of it: {log.name})')


def collect(rows: list[Row], seeds: list[int], out: Path) -> dict[str, dict[str, np.ndarray]]:
    """``{row: {metric: values (S,)}}`` of all finished runs, in the order of ``seeds``."""
    found = {}
    for row in rows:
        runs = [json.loads((row.folder(out, seed) / 'metrics.json').read_text()) for seed in seeds
                if (row.folder(out, seed) / 'metrics.json').is_file()]
        keys = [key for key in (runs[0] if runs else {}) if all(key in run for run in runs)]
        found[row.name] = {key: np.array([run[key] for run in runs]) for key in keys}
    return found


def study_markdown(results: dict[str, dict[str, np.ndarray]], metrics: list[str]) -> str:
    """A Markdown table, a line a metric: mean ± standard deviation over seeds (N - 1) of each row,
    and the mean paired difference of each to the first.
    """
    names = list(results)
    first = results[names[0]]
    lines = ['| | ' + ' | '.join([*names, *(f'{name} - {names[0]}' for name in names[1:])]) + ' |',
             '|---' * (2 * len(names)) + '|']
    for metric in metrics:
        cells = [_spread(results[name].get(metric)) for name in names]
        for name in names[1:]:
            values = results[name]
            paired = (metric in values and metric in first
                      and len(values[metric]) == len(first[metric]))
            cells.append(_spread(values[metric] - first[metric] if paired else None, sign='+'))
        lines.append(f'| {metric} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _spread(values: np.ndarray | None, sign: str = '') -> str:
    if values is None or len(values) == 0:
        return '–'
    if len(values) == 1:
        return f'{values[0]:{sign}.2f}'
    return f'{values.mean():{sign}.2f} ± {values.std(ddof=1):.2f}'


def write_study(out: Path, results: dict[str, dict[str, np.ndarray]], metrics: list[str]) -> str:
    """Write ``study.md`` and ``study.json`` into ``out``; returns the table."""
    table = study_markdown(results, metrics)
    write_text(out / 'study.md', table)
    write_text(out / 'study.json', json.dumps(
        {name: {key: values.tolist() for key, values in row.items()}
         for name, row in results.items()}, indent=2) + '\n')
    return table


def default_metrics(names: list[str], table: str) -> list[str]:
    """Which of a sweep's accuracies a table shows: at 7, 14, 20 and 112 px, and of different
    resolutions at 7; for the question of the degradation those of every degradation at 7 and 14 px.
    """
    def last(name: str) -> str:
        return name.split('/')[0].rsplit('_', 1)[-1]

    if table == 'degradation':
        return [n for n in names if n.endswith(('accuracy@7', 'accuracy@14'))
                and last(n) != 'cross']
    return [n for n in names if (last(n) == 'sweep' and n.endswith(
        ('accuracy@7', 'accuracy@14', 'accuracy@20', 'accuracy@112')))
        or (last(n) == 'cross' and n.endswith('accuracy@7'))]


def items_of_runs(row: Row, seeds: list[int], out: Path) -> dict[str, np.ndarray]:
    """Which items each rate of ``row`` got right: name to bool (S, N), a line a seed."""
    runs = []
    for seed in seeds:
        path = row.folder(out, seed) / 'items.npz'
        if path.is_file():
            with np.load(path, allow_pickle=False) as data:
                runs.append({name: data[name] for name in data.files})
    shared = [name for name in (runs[0] if runs else {}) if all(name in run for run in runs)]
    return {name: np.stack([run[name] for run in runs]) for name in shared}


def ablation_markdown(rows: dict[str, tuple], results: dict[str, dict[str, np.ndarray]],
                      items: dict[str, dict[str, np.ndarray]], metrics: list[str],
                      paper_columns: tuple[str, ...]) -> str:
    """Our table beside the paper's.

    Args:
        rows: Name to (published numbers, row that it is compared with or None).
        results: Of ``collect``.
        items: Of ``items_of_runs``, by row.
        metrics: Our columns.
        paper_columns: What the published numbers are.

    Returns:
        Markdown: mean ± deviation over seeds, in brackets the p-value of a paired bootstrap over
        runs and items (``runs_bootstrap``) against the row compared with, then the published
        numbers.
    """
    names = [c.removesuffix('/rank1').removesuffix('/accuracy') for c in paper_columns]
    head = ['row', 'against', *metrics, *(f'paper: {name}' for name in names)]
    lines = ['| ' + ' | '.join(head) + ' |', '|---' * len(head) + '|']
    for name, (published, against) in rows.items():
        cells = [name, against or '']
        for metric in metrics:
            text = _spread(results.get(name, {}).get(metric))
            mine, theirs = items.get(name, {}).get(metric), items.get(against, {}).get(metric)
            if mine is not None and theirs is not None and mine.shape == theirs.shape:
                text += f' (p = {runs_bootstrap(theirs, mine)["p"]:.2g})'
            cells.append(text)
        published = published or (None,) * len(paper_columns)
        cells += ['' if value is None else f'{value:g}' for value in published]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'
