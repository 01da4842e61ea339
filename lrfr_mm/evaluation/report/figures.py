"""Plots of the report, as SVG text, and its pictures, as PNG bytes."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from scipy.special import ndtr, ndtri

from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.evaluation.report.style import canvas, colour, svg_text
from lrfr_mm.ops.resample import degrade_array

__all__ = ['bars_figure', 'contact_sheet', 'curve_figure']

_PROBIT_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, .01, .05, .2, .5, .8, .95, .99)
_RIGHT = '#a3853f'


def curve_figure(curves: Sequence[tuple[str, Curve]]) -> str:
    """One plot of the same curve of several runs.

    Args:
        curves: Name of the run and its curve; axes and right-hand lines are those of the first.
    """
    first = curves[0][1]
    wide = first.right_axis is not None
    with canvas(width=6.6 if wide else 4.6, height=3.9 if wide else 3.5) as (figure, panels):
        axes = panels[0, 0]
        for k, (name, curve) in enumerate(curves):
            for line in curve.lines:
                _draw(axes, line, line.label or name,
                      colour(k if line.colour is None else line.colour))
        _set_axis(axes, 'x', first.x_axis)
        _set_axis(axes, 'y', first.y_axis)
        if first.right_axis is not None:
            right = axes.twinx()
            right.grid(False)
            right.tick_params(colors=_RIGHT)
            for line in first.right_lines:
                right.plot(line.x, line.y, ':', color=_RIGHT, lw=1.6)
                axes.plot([], [], ':', color=_RIGHT, lw=1.6, label=line.label)
            right.set_ylim(*first.right_axis.limits)
        axes.legend(loc='best', handlelength=1.4)
        return svg_text(figure)


def _draw(axes: Axes, line: Line, label: str, shade: str) -> None:
    if line.style == 'area':
        axes.stairs(line.y, line.x, fill=True, alpha=.35, color=shade)
        axes.stairs(line.y, line.x, color=shade, lw=1.4, label=label)
    elif line.style == 'step':
        axes.step(line.x, line.y, where='post', lw=2, color=shade, label=label)
    else:
        axes.plot(line.x, line.y, 'o-', lw=2.2, ms=5, color=shade, label=label)


def _set_axis(axes: Axes, which: str, axis: Axis) -> None:
    """Scale, ticks, limits and label of the horizontal ('x') or vertical ('y') axis."""
    target = axes.xaxis if which == 'x' else axes.yaxis
    set_scale = axes.set_xscale if which == 'x' else axes.set_yscale
    if axis.scale == 'probit':
        set_scale('function', functions=(lambda rate: ndtri(np.clip(rate, 1e-7, 1 - 1e-7)), ndtr))
        target.set_ticks(_PROBIT_TICKS, [f'{100 * rate:g} %' for rate in _PROBIT_TICKS])
    elif axis.scale == 'log':
        set_scale('log', nonpositive='clip')
    if axis.ticks is not None:
        target.set_ticks(axis.ticks, [f'{tick:g}' for tick in axis.ticks])
        axes.minorticks_off()
    target.set_label_text(axis.label)
    low, high = axis.limits
    if axis.scale == 'probit':
        values = np.concatenate([line.get_xdata() if which == 'x' else line.get_ydata()
                                 for line in axes.lines])
        low, high = (values.min(), values.max()) if len(values) else (.001, .5)
    elif axis.scale == 'log' and low is None:
        positive = [np.asarray(line.get_xdata() if which == 'x' else line.get_ydata(), float)
                    for line in axes.lines]
        low = min((values[values > 0].min() for values in positive if (values > 0).any()),
                  default=None)
    (axes.set_xlim if which == 'x' else axes.set_ylim)(low, high)


def bars_figure(counts: list[int], edges: np.ndarray, x_label: str, y_label: str,
                log: bool = False) -> str:
    """A histogram; ``log`` for a logarithmic horizontal axis."""
    with canvas(height=3.1) as (figure, panels):
        axes = panels[0, 0]
        _draw(axes, Line(list(edges), list(counts), style='area'), '', colour(0))
        _set_axis(axes, 'x', Axis(x_label, 'log' if log else 'linear',
                                  limits=(edges[0], edges[-1])))
        if log:
            axes.xaxis.set_major_formatter(lambda value, _: f'{value:g}')
        _set_axis(axes, 'y', Axis(y_label, limits=(0, None)))
        return svg_text(figure)


def contact_sheet(images: list[np.ndarray], resolutions=(112, 28, 20, 14, 7)) -> bytes:
    """PNG: a row a resolution, a column a face (uint8 RGB), as the network sees them."""
    rows = [np.hstack([degrade_array(np.ascontiguousarray(image), r) for image in images])
            for r in resolutions]
    return cv2.imencode('.png', np.vstack(rows)[..., ::-1])[1].tobytes()
