"""What ``tools/real.py --table`` does."""
from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from mmengine.registry import init_default_scope

from lrfr_mm.analysis.real.in_memory import Budget
from lrfr_mm.analysis.real.people import FaceSet, held_out_sets, training_set
from lrfr_mm.analysis.real.rows import ROWS
from lrfr_mm.analysis.real.run import recognizer, test_faces
from lrfr_mm.analysis.real.table import TableSettings, run_table
from lrfr_mm.analysis.real.table_report import best_rows, write_table

__all__ = ['TableRequest', 'make_table']


@dataclass(frozen=True)
class TableRequest:
    """What a table is asked to be.

    Attributes:
        cache: Directory of the network and of the faces.
        out: Directory of the runs and of the table; a second start goes on where the first ended.
        rows: Names of ``ROWS``; none for all.
        seeds: Trainings of a row.
        finalists: Rows that get more than the first seed: those of the largest gain on people held
            out; 0 for all.
        jobs: Trainings at a time.
        minutes: Time for all; trainings that would not fit get fewer steps or are left out.
        morphs, drawn: Number of morphs and of drawn people to train on.
        photographs: Directory of people to test; default lfw_mini in LRFR_DATA.
        draws: Resamplings of the intervals of the tested people; 0 for none.
        report_only: Train nothing: write the table of the runs that ``out`` has.
        budget: Of a training.
    """

    cache: Path
    out: Path
    rows: Sequence[str] = ()
    seeds: int = 3
    finalists: int = 0
    jobs: int = 1
    minutes: float = math.inf
    morphs: int = 6000
    drawn: int = 600
    photographs: str | None = None
    draws: int = 300
    report_only: bool = False
    budget: Budget = field(default_factory=Budget)


def make_table(request: TableRequest, say: Callable[[str], None] = print) -> Path:
    """Train the rows, measure them, and write the table.

    With ``finalists``, 60 % of the time is for the first seed of all rows.

    Returns:
        Path of ``table.md``.
    """
    init_default_scope('lrfr_mm')
    start, seconds = time.monotonic(), 60 * request.minutes
    images, labels, text = test_faces(request.photographs, request.cache)
    if request.report_only:
        return write_table(request.out, labels, request.rows, request.draws)
    config, checkpoint = recognizer(request.cache)
    faces = training_set(request.cache, request.morphs, request.drawn, jobs=request.jobs)
    held_out = held_out_sets(request.cache)
    say(f'{time.monotonic() - start:.1f} s: {len(faces)} faces to train on, '
        f'{len(faces.of_people())} with a label; held out '
        f'{", ".join(f"{len(each)} {name}" for name, each in held_out.items())}; tested {text}')
    device = 'cuda' if torch.cuda.device_count() else 'cpu'
    settings = TableSettings(request.out, config, checkpoint, request.budget, request.jobs,
                             device=device)
    names = list(request.rows or ROWS)
    phases = [(names, list(range(request.seeds)), 1.)]
    if request.finalists and request.seeds > 1:
        phases = [(names, [0], .6), (None, list(range(1, request.seeds)), 1.)]
    tested = FaceSet(images, labels)
    for rows, seeds, share in phases:
        rows = best_rows(request.out, request.finalists) if rows is None else rows
        left = share * seconds - (time.monotonic() - start)
        run_table(rows, seeds, faces, tested, held_out, replace(settings, deadline=left), say)
    return write_table(request.out, labels, draws=request.draws)
