"""One look for every plot: the report's, the paper's figures and the studies'."""
from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ['PALETTE', 'canvas', 'colour', 'resolution_axis', 'svg_text']

PALETTE = ('#1f6feb', '#d1495b', '#2a9d5c', '#e39b23', '#8e5bd0', '#8a8f98')

_STYLE = {'font.family': 'sans-serif', 'font.size': 10, 'svg.fonttype': 'none',
          'axes.spines.top': False, 'axes.spines.right': False, 'axes.edgecolor': '#9aa0a6',
          'axes.grid': True, 'axes.axisbelow': True, 'grid.color': '#e8eaed',
          'grid.linewidth': .8, 'axes.labelcolor': '#3c4043', 'xtick.color': '#5f6368',
          'ytick.color': '#5f6368', 'legend.frameon': False, 'figure.dpi': 100,
          'axes.titlesize': 10.5, 'legend.fontsize': 9}


def colour(k: int) -> str:
    """Colour of the k-th model, the same in every figure."""
    return PALETTE[k % len(PALETTE)]


@contextmanager
def canvas(rows: int = 1, columns: int = 1, width: float = 4.6, height: float = 3.5,
           **options: Any) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure in this style and its axes, an array (rows, columns).

    Args:
        rows, columns: Number of panels.
        width, height: Size of a panel, inches.
        **options: Of ``Figure.subplots``.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width * columns, height * rows), layout='constrained')
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def resolution_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """A logarithmic axis of test resolutions with a tick each."""
    axes.set_xscale('log')
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel('resolution, px')


def svg_text(figure: Figure) -> str:
    """The figure as an ``<svg>`` element, for a page."""
    buffer = io.StringIO()
    FigureCanvasSVG(figure)
    figure.savefig(buffer, format='svg', bbox_inches='tight', transparent=True)
    text = buffer.getvalue()
    return text[text.index('<svg'):]
