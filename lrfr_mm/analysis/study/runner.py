"""Rows of a table, each trained and tested with several seeds, resumable."""
from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import torch

from lrfr_mm.engine.checkpoint import find_checkpoint

__all__ = ['Row', 'run_rows']


@dataclass(frozen=True)
class Row:
    """One row of a study: a config, trained and tested.

    Attributes:
        name: What the table calls it.
        config: Path of its config.
        options: ``KEY=VALUE`` overrides, on top of the study's.
    """

    name: str
    config: str
    options: tuple[str, ...] = ()

    def folder(self, out: Path, seed: int) -> Path:
        """Work dir of the run with ``seed``."""
        return out / self.name.replace('/', '_').replace(' ', '_') / f'seed{seed}'


def run_rows(rows: list[Row], seeds: list[int], out: Path, tools: Path, options: list[str] = (),
             train_options: list[str] = (), jobs: int = 1) -> None:
    """Train and test every row with every seed.

    A run whose ``metrics.json`` is there is not repeated; one that was cut goes on from its last
    checkpoint. Each run's output is in ``log.txt`` in its directory.

    Args:
        rows: What to run.
        seeds: Seed of each repetition.
        out: Directory of the study: ``out/ROW/seedN``.
        tools: Directory of train.py and test.py.
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
                _run(log, [tools / 'test.py', row.config, find_checkpoint(str(folder)), *common],
                     environment)
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


def _run(log, command: list, environment: dict[str, str]) -> None:
    log.flush()
    done = subprocess.run([sys.executable, *map(str, command)], stdout=log,
                          stderr=subprocess.STDOUT, env={**os.environ, **environment})
    if done.returncode:
        tail = Path(log.name).read_text(errors='replace').strip().splitlines()
        raise RuntimeError(f'{command[0].name} ended with {done.returncode}: '
                           f'{tail[-1] if tail else ""} (all of it: {log.name})')
