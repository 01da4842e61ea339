"""A whole audit: from a source to a directory with audit.json and audit.html."""
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lrfr_mm.analysis.audit.page import write_audit
from lrfr_mm.analysis.audit.people import shared_people
from lrfr_mm.analysis.audit.scan import scan
from lrfr_mm.analysis.audit.summary import summarise
from lrfr_mm.datasets.jobs import building
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.files import write_text

__all__ = ['audit_lines', 'audit_to']


def audit_to(out: str | os.PathLike, source: FaceSource, distance: int = 4,
             against: FaceSource | None = None, embed: Callable | None = None, images: int = 10,
             threshold: float = .6, workers: int = 1, cluster: str = 'local',
             progress: bool = True) -> dict:
    """Audit ``source`` into the directory ``out``.

    Everything is made in ``out.part``; a second start goes on where the first was cut.

    Args:
        out: Must not exist, or be empty.
        source: The set.
        distance: Bits of 64 in which near copies may differ.
        against: A benchmark's people, looked for in ``source``.
        embed, images, threshold: See ``shared_people``.
        workers, cluster, progress: See ``scan``.

    Returns:
        The summary that ``audit.json`` holds.

    Raises:
        InputExistsError: If ``out`` holds something, or ``out.part`` is another audit's beginning.
        MissingDependencyError: Without imagehash.
    """
    plan = dict(source=repr(source), images=len(source), distance=distance,
                against=None if against is None else repr(against),
                embedding=None if embed is None else [images, threshold])
    with building(out, plan) as directory:
        if directory is not None:
            result = scan(source, workers, progress, cluster, directory / '.scan')
            summary = summarise(source, result, distance)
            if against is not None:
                summary['shared'] = shared_people(source, against, embed, images, threshold)
            write_text(directory / 'audit.json', json.dumps(summary, indent=2) + '\n')
            write_audit(directory / 'audit.html', source, summary)
            shutil.rmtree(directory / '.scan')
    return json.loads(Path(out, 'audit.json').read_text(encoding='utf-8'))


def audit_lines(summary: dict) -> list[str]:
    """The most important findings of a summary, for a terminal."""
    lines = [f'{summary["source"]}: {summary["people"]} people, '
             f'{summary["unreadable"]["count"]} unreadable, '
             f'{summary["exact_duplicates"]["images"]} exact and '
             f'{summary["near_duplicates"]["pairs"]} near copies, median detail '
             f'{summary["detail"].get("median", 0):.0f} px']
    outside = summary['labels_out_of_range']
    if outside['count']:
        first = outside['examples'][0]
        lines.append(f'warning: {outside["count"]} labels are outside 0 to '
                     f'{summary["num_classes"] - 1}, first that of image {first["name"]}: '
                     f'{first["label"]}. Training refuses such a set')
    return lines
