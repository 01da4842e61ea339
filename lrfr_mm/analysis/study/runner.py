"""Rows of a table, each trained and tested with several seeds, resumable."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from lrfr_mm.analysis.study.processes import Place, places, start_process
from lrfr_mm.analysis.study.run import train_and_test
from lrfr_mm.engine.checkpoint import find_checkpoint

__all__ = ['Row', 'run_rows']

_PATIENCE = 20.  # seconds for a stopped training to write its checkpoint


@dataclass(frozen=True)
class Row:
    """One row of a study: a config, trained and tested.

    Attributes:
        name: What the table calls it.
        config: Path of its config.
        options: ``KEY=VALUE`` overrides, on top of the study's.
        teacher: Row whose run with the same seed is this row's ``model.teacher``.
    """

    name: str
    config: str
    options: tuple[str, ...] = ()
    teacher: Row | None = None

    def folder(self, out: Path, seed: int) -> Path:
        """Work dir of the run with ``seed``."""
        return out / self.name.replace('/', '_').replace(' ', '_') / f'seed{seed}'

    def done(self, out: Path, seed: int) -> bool:
        """Whether the run with ``seed`` was trained and tested."""
        return (self.folder(out, seed) / 'metrics.json').is_file()


@dataclass(frozen=True)
class _Run:
    """A row with a seed."""

    row: Row
    seed: int

    def __str__(self) -> str:
        return f'{self.row.name}, seed {self.seed}'


@dataclass(frozen=True)
class _Running:
    run: _Run
    process: BaseProcess
    place: Place
    start: float


def run_rows(rows: Sequence[Row], seeds: Sequence[int], out: Path, options: Sequence[str] = (),
             train_options: Sequence[str] = (), jobs: int = 1, deadline: float | None = None,
             run: Callable[..., int | None] = train_and_test) -> dict[str, str]:
    """Train and test every row with every seed: all rows with the first seed, then with the next.

    A run whose ``metrics.json`` is there is not repeated; one that was cut goes on from its last
    checkpoint. Each run's output is in ``log.txt`` in its directory. A run that fails does not end
    the others. Runs end with the process that called this function.

    Args:
        rows: What to run. A row's teacher is run before it, and must be among them.
        seeds: Seed of each repetition.
        out: Directory of the study: ``out/ROW/seedN``.
        options: Overrides of every run, ``KEY=VALUE``.
        train_options: More arguments of tools/train.py.
        jobs: Runs at a time. They share the GPUs, one or several a GPU, or the CPU's cores.
        deadline: ``time.monotonic()`` after which no further run is started; None for none.
        run: Called in each run's process as :func:`~lrfr_mm.analysis.study.run.train_and_test` is.

    Returns:
        Why each run failed that did, by 'ROW, seed N'; the text names its log.
    """
    waiting = [_Run(row, seed) for seed in seeds for row in rows if not row.done(out, seed)]
    print(f'{len(waiting)} of {len(rows) * len(seeds)} runs to do', flush=True)
    free, running, failures = places(jobs), [], {}
    try:
        while waiting or running:
            late = deadline is not None and time.monotonic() > deadline
            ready = [] if late else [item for item in waiting if item.row.teacher is None
                                     or item.row.teacher.done(out, item.seed)]
            for item in ready[:len(free)]:
                waiting.remove(item)
                running.append(_start(item, out, options, train_options, free.pop(0), run))
            if not running:
                break
            ended = connection.wait([each.process.sentinel for each in running])
            for each in [each for each in running if each.process.sentinel in ended]:
                running.remove(each)
                free.append(each.place)
                failure = _finish(each, out)
                if failure:
                    failures[str(each.run)] = failure
    finally:
        _stop(running)
    for item in waiting:
        teacher = item.row.teacher
        if teacher is not None and str(_Run(teacher, item.seed)) in failures:
            failures[str(item)] = f'its teacher {teacher.name} failed'
    return failures


def _start(item: _Run, out: Path, options: Sequence[str], train_options: Sequence[str],
           place: Place, run: Callable[..., int | None]) -> _Running:
    row, folder = item.row, item.row.folder(out, item.seed)
    folder.mkdir(parents=True, exist_ok=True)
    overrides = [*options, *row.options]
    if row.teacher is not None:
        weights = find_checkpoint(str(row.teacher.folder(out, item.seed)))
        overrides += [f'model.teacher.model={row.teacher.config}',
                      f'model.teacher.checkpoint={weights}']
    process = start_process(run, (row.config, str(folder), item.seed, overrides,
                                  list(train_options)), folder / 'log.txt', place)
    return _Running(item, process, place, time.monotonic())


def _finish(ended: _Running, out: Path) -> str:
    """Say how a run ended; returns why it failed, '' if it did not."""
    ended.process.join()
    seconds, log = time.monotonic() - ended.start, ended.run.row.folder(
        out, ended.run.seed) / 'log.txt'
    if ended.process.exitcode == 0:
        print(f'{ended.run}: {seconds:.0f} s', flush=True)
        return ''
    lines = log.read_text(encoding='utf-8', errors='replace').strip().splitlines()
    failure = (f'ended with {ended.process.exitcode}: {lines[-1] if lines else ""} '
               f'(all of it: {log})')
    print(f'{ended.run} {failure}', flush=True)
    return failure


def _stop(running: Sequence[_Running]) -> None:
    """End runs under way: a training writes a checkpoint first."""
    for each in running:
        each.process.terminate()
    end = time.monotonic() + _PATIENCE
    for each in running:
        each.process.join(max(0., end - time.monotonic()))
        each.process.kill()
