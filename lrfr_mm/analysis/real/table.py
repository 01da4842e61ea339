"""A table of ways to adapt: rows x seeds, each trained in a process of its own and measured."""
from __future__ import annotations

import json
import math
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import joblib
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from lrfr_mm.analysis.real.in_memory import (
    Budget,
    adapt_in_memory,
    build_recipe_model,
    unit_embeddings,
)
from lrfr_mm.analysis.real.measure import SIZES, pair_aucs
from lrfr_mm.analysis.real.people import FaceSet
from lrfr_mm.analysis.real.rows import ROWS, Row
from lrfr_mm.analysis.study.processes import places, start_process
from lrfr_mm.analysis.weight_averaging import averaged_weights
from lrfr_mm.engine.adapt import apply_recipe
from lrfr_mm.engine.config import read_config
from lrfr_mm.engine.overrides import apply_overrides
from lrfr_mm.errors import InputError
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.ops.degradations import degrade_image

__all__ = ['DEGRADATIONS', 'SHARES', 'TableSettings', 'run_table', 'small_views']

DEGRADATIONS = ('bicubic', 'camera')
SHARES = (1., .8, .6)  # of the adapted weights in the average with those before
_LEAST = .1  # share of the time that a training needs to begin
_OVERHEAD = 8.  # seconds of a run for the start of its process and the measurement
Views = dict[str, dict[int, np.ndarray]]


@dataclass(frozen=True)
class TableSettings:
    """What all trainings of a table share.

    Attributes:
        out: Directory; a run whose result is there is not repeated.
        recognizer: Config of the network.
        checkpoint: Its weights.
        budget: Of a row of length 1.
        jobs: Trainings at a time.
        deadline: Seconds from the start after which every training has ended. Each has a share of
            them by its length, and ends its schedule with fewer steps where that is not enough;
            those that cannot begin are left out.
        device: 'cuda' or 'cpu'.
    """

    out: Path
    recognizer: Config
    checkpoint: Path
    budget: Budget
    jobs: int = 1
    deadline: float = math.inf
    device: str = 'cpu'


@dataclass(frozen=True)
class _Test:
    """Faces to measure on: the views of each set, by name, and its labels."""

    views: dict[str, Views]
    labels: dict[str, np.ndarray]


def small_views(faces: FaceSet, degradations: Sequence[str] = DEGRADATIONS) -> Views:
    """Degradation and size to uint8 (N, 3, 112, 112); 112 px is the face as it is."""
    def batch(size: int, kind: str) -> np.ndarray:
        each = faces.images if size >= 112 else np.stack(
            [degrade_image(image, size, kind) for image in faces.images])
        return np.ascontiguousarray(each.transpose(0, 3, 1, 2))

    return {kind: {size: batch(size, kind) for size in SIZES} for kind in degradations}


def run_table(names: Sequence[str], seeds: Sequence[int], faces: FaceSet, tested: FaceSet,
              held_out: dict[str, FaceSet], settings: TableSettings,
              say: Callable[[str], None] = print) -> None:
    """Train every row with every seed and write what comes out.

    For each run: ``NAME-SEED.json`` (held-out values for each share, what the training was) and
    ``NAME-SEED.npz`` (unit embeddings of the tested faces, float16, under
    'SHARE/DEGRADATION/SIZE'), ``NAME-SEED.pth`` (weights). ``before-0`` has the network before. A
    run that fails leaves ``NAME-SEED.error``, and the others go on.

    Args:
        names: Of ``ROWS``.
        seeds: All rows of one seed come before the next seed.
        faces: To train on.
        tested: Faces whose embeddings are stored; nothing is chosen by them.
        held_out: Faces for choices, by name.
        settings: See there.
        say: Called with each line of progress.

    Raises:
        InputError: For an unknown row.
    """
    init_default_scope('lrfr_mm')
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise InputError(f'no row {unknown[0]!r}; there are {", ".join(ROWS)}')
    start = time.monotonic()
    sets = dict(tested=tested, **held_out)
    test = _Test({name: small_views(each, DEGRADATIONS if name == 'tested' else ('bicubic',))
                  for name, each in sets.items()},
                 {name: each.labels for name, each in sets.items()})
    settings.out.mkdir(parents=True, exist_ok=True)
    say(f'views of {sum(map(len, sets.values()))} faces: {time.monotonic() - start:.1f} s')
    waiting = [('before', 0)] + [(name, seed) for seed in seeds for name in names]
    waiting = [run for run in waiting
               if not (settings.out / f'{run[0]}-{run[1]}.json').is_file()]
    if not waiting:
        return
    total = sum(ROWS[name].length for name, _ in waiting if name in ROWS)
    jobs = min(settings.jobs, len(waiting))
    share = (settings.deadline - (time.monotonic() - start)) * jobs / max(total, 1e-9)
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder, 'faces')
        joblib.dump((faces, test), shared)  # the processes map it into memory
        free, running = places(settings.jobs), {}
        while waiting or running:
            while waiting and free:
                name, seed = waiting.pop(0)
                left = settings.deadline - (time.monotonic() - start)
                if left < _LEAST * settings.deadline:
                    say(f'{name}-{seed}: left out, {left:.0f} s are left')
                    continue
                row = ROWS.get(name)
                seconds = left if row is None else min(left, share * row.length)
                run, place = f'{name}-{seed}', free.pop(0)
                process = start_process(_guarded, (run, row, seed, shared, settings, seconds),
                                        settings.out / f'{run}.log', place)
                running[process.sentinel] = (run, process, place)
            for sentinel in connection.wait(list(running)):
                name, process, place = running.pop(sentinel)
                process.join()
                free.append(place)
                say(f'{time.monotonic() - start:6.1f} s {_outcome(name, process, settings.out)}')


def _outcome(name: str, process: BaseProcess, out: Path) -> str:
    if not (out / f'{name}.json').is_file():
        return f'{name}: FAILED, exit status {process.exitcode}; see {name}.error'
    result = json.loads((out / f'{name}.json').read_text())
    real = result['held_out']['1.0']['real']
    return (f'{name}: {result["training"]["steps"]} steps, {result["training"]["seconds"]:.0f} s; '
            'held-out real ' + ', '.join(f'{key} {value:.2f}' for key, value in real.items()))


def _guarded(run: str, row: Row | None, seed: int, shared: Path, settings: TableSettings,
             seconds: float) -> None:
    """One run in its process; what goes wrong is written where the result would be."""
    init_default_scope('lrfr_mm')
    try:
        faces, test = joblib.load(shared, mmap_mode='c')
        _run(run, row, seed, faces, test, settings, seconds)
    except Exception:
        write_text(settings.out / f'{run}.error', traceback.format_exc())
        raise SystemExit(1) from None


def _run(run: str, row: Row | None, seed: int, faces: FaceSet, test: _Test,
         settings: TableSettings, seconds: float) -> None:
    """Train ``row``, or take the network as it is for None, and measure it."""
    begun = time.perf_counter()
    before, row = row is None, row or Row('adapt/distill_folder', length=0)
    config = row_config(row, settings)
    stem = settings.out / run
    if before:
        model, training = build_recipe_model(config, 1, settings.device).eval(), None
        states = {1.: _weights(model)}
    else:
        budget = replace(settings.budget, steps=max(1, round(settings.budget.steps * row.length)),
                         seconds=max(1., .95 * seconds - _OVERHEAD))
        model, training = adapt_in_memory(config, faces, budget, seed, row.augmentation,
                                          settings.device, print)
        with whole_file(Path(f'{stem}.pth')) as part:
            torch.save(dict(state_dict=_weights(model)), part)
        states = {1.: _weights(model)}
        if config.get('load_from'):  # adapters are no average of two networks
            first = _weights(build_recipe_model(row_config(row, settings), 1, settings.device))
            states |= {share: averaged_weights(first, states[1.], share) for share in SHARES[1:]}
    vectors, values = {}, {}
    for share, state in states.items():
        if len(states) > 1:
            model.load_state_dict(state, strict=False)
        values[share] = {}
        for each, views in test.views.items():
            found = {kind: {size: unit_embeddings(model, torch.from_numpy(images)).cpu().numpy()
                            for size, images in sizes.items()}
                     for kind, sizes in views.items()}
            if each == 'tested':
                vectors |= {f'{share}/{kind}/{size}': unit.astype(np.float16)
                            for kind, sizes in found.items() for size, unit in sizes.items()}
            else:
                values[share][each] = pair_aucs(found['bicubic'], test.labels[each])
    np.savez(f'{stem}.npz', **vectors)
    result = dict(name=run.rpartition('-')[0], seed=seed, row=asdict(row), held_out=values,
                  training=None if training is None else asdict(training),
                  bytes=Path(f'{stem}.pth').stat().st_size if training else None,
                  seconds=time.perf_counter() - begun)
    if training is None:
        result['training'] = dict(steps=0, seconds=0.)
    write_text(Path(f'{stem}.json'), json.dumps(result, indent=1) + '\n')


def row_config(row: Row, settings: TableSettings) -> Config:
    """The whole config of a row's training."""
    config = apply_recipe(read_config(row.recipe), settings.recognizer, str(settings.checkpoint),
                          str(settings.out))
    apply_overrides(config, row.options)
    return config


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The embedding network's part of the state dict, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()
            if name.split('.')[0] in ('backbone', 'neck')}
