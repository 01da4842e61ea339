"""The paper's figures, of any models and any faces; each as PNG, SVG and CSV."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lrfr_mm.analysis.figures.distances import derivatives
from lrfr_mm.analysis.figures.gradients import gradients
from lrfr_mm.analysis.figures.pairs import accuracy, dimensions, roc, similarity
from lrfr_mm.analysis.figures.projections import pca, tsne
from lrfr_mm.analysis.figures.subjects import Faces, Subject, load_faces, parse_subject
from lrfr_mm.errors import InputError

__all__ = ['FIGURES', 'Faces', 'Subject', 'draw_figures', 'load_faces', 'parse_subject']


class _Figure(NamedTuple):
    number: str  # the paper's
    draw: Callable
    needs: str | None  # 'faces' (and models), 'models' or None


FIGURES = {
    'similarity': _Figure('1', similarity, 'faces'),
    'accuracy': _Figure('3a', accuracy, 'faces'),
    'gradients': _Figure('3b', gradients, 'models'),
    'tsne': _Figure('3c', tsne, 'faces'),
    'derivatives': _Figure('4', derivatives, None),
    'roc': _Figure('5', roc, 'faces'),
    'dimensions': _Figure('6', dimensions, 'faces'),
    'pca': _Figure('7', pca, 'faces'),
}


def draw_figures(names: Sequence[str], subjects: list[Subject], out: Path,
                 benchmark: str | None = None, images: str | None = None) -> list[Path]:
    """Draw some of ``FIGURES``.

    Args:
        names: Which.
        subjects: Models; none are needed for 'derivatives'.
        out: Folder of the files.
        benchmark, images: See ``load_faces``.

    Returns:
        Paths of the PNGs.

    Raises:
        InputError: If models are needed and there are none.
    """
    wanted = {FIGURES[name].needs for name in names}
    if not subjects and wanted - {None}:
        raise InputError('models are needed: --models NAME=WORK_DIR ...')
    faces = load_faces(subjects[0].runs[0].config, benchmark, images) if 'faces' in wanted else None
    given = {'faces': (subjects, faces), 'models': (subjects,), None: ()}
    return [FIGURES[name].draw(*given[FIGURES[name].needs], out) for name in names]
