"""One look for all figures, and their three files."""
from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from lrfr_mm.evaluation.report.figures import STYLE
from lrfr_mm.files import whole_file, write_text

__all__ = ['canvas', 'colour', 'resolution_axis', 'save_figure']

_COLOURS = ('#1f6feb', '#d1495b', '#2a9d5c', '#e39b23', '#8e5bd0', '#8a8f98')
_STYLE = {**STYLE, 'axes.titlesize': 10.5, 'legend.fontsize': 9}


def colour(k: int) -> str:
    """The k-th model's colour, the same in every figure."""
    return _COLOURS[k % len(_COLOURS)]


@contextmanager
def canvas(rows: int = 1, columns: int = 1, width: float = 4.6, height: float = 3.5, **options):
    """A Figure in the house's look and its axes, an array (rows, columns); sizes in inches a panel.

    ``options`` go to ``Figure.subplots``.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width * columns, height * rows), layout='constrained')
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def resolution_axis(axes, sizes: Sequence[int]) -> None:
    """A logarithmic axis of test resolutions with a tick each."""
    axes.set_xscale('log')
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel('resolution, px')


def save_figure(figure: Figure, header: Sequence[str], rows: Iterable[Sequence], out: Path,
                name: str) -> Path:
    """Write ``name``.png, .svg and .csv, what it shows as numbers, into ``out``; the PNG's path."""
    for suffix in ('png', 'svg'):
        with whole_file(out / f'{name}.{suffix}') as part:
            figure.savefig(part, format=suffix, dpi=160, bbox_inches='tight')
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(header)
    writer.writerows([f'{cell:.6g}' if isinstance(cell, float) else cell for cell in row]
                     for row in rows)
    write_text(out / f'{name}.csv', text.getvalue())
    return out / f'{name}.png'
