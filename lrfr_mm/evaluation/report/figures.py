"""Plots of the report, as SVG text, and its pictures, as PNG bytes."""
from __future__ import annotations

import io

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from lrfr_mm.ops.resample import degrade_array

__all__ = ['STYLE', 'accuracy_figure', 'bars_figure', 'contact_sheet', 'histogram_figure',
           'open_set_figure', 'rank_figure', 'roc_figure']

_COLOURS = ['#8a8f98', '#1f6feb', '#d1495b', '#2a9d5c', '#8e5bd0', '#e39b23']
STYLE = {'font.family': 'sans-serif', 'font.size': 10, 'svg.fonttype': 'none',
         'axes.spines.top': False, 'axes.spines.right': False, 'axes.edgecolor': '#9aa0a6',
         'axes.grid': True, 'axes.axisbelow': True, 'grid.color': '#e8eaed', 'grid.linewidth': .8,
         'axes.labelcolor': '#3c4043', 'xtick.color': '#5f6368', 'ytick.color': '#5f6368',
         'legend.frameon': False, 'figure.dpi': 100}


def _colour(k: int, count: int) -> str:
    return _COLOURS[1] if count == 1 else _COLOURS[k % len(_COLOURS)]


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    FigureCanvasSVG(figure)
    figure.savefig(buffer, format='svg', bbox_inches='tight', transparent=True)
    text = buffer.getvalue()
    return text[text.index('<svg'):]


def accuracy_figure(runs: list[dict], sweep: str) -> str:
    """Accuracy against test resolution, every run a line; mean SSIM as a dotted one."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.6, 3.9))
        axes = figure.add_subplot()
        have = [run for run in runs if sweep in run['sweeps']]
        for k, run in enumerate(have):
            data = run['sweeps'][sweep]
            axes.plot(data['resolutions'], data['accuracy'], 'o-', lw=2.2, ms=5,
                      color=_colour(k, len(have)), label=run['name'])
        sizes = have[0]['sweeps'][sweep]['resolutions']
        axes.set_xscale('log')
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlim(sizes[0] * .80, sizes[-1] * 1.08)
        axes.set_xlabel('test resolution, px')
        axes.set_ylabel('accuracy, %')
        ssim = have[0]['sweeps'][sweep].get('ssim')
        if ssim:
            other = axes.twinx()
            other.plot(sizes, ssim, ':', color='#c4a35a', lw=1.6, label='mean SSIM (right)')
            other.set_ylim(0, 1.02)
            other.grid(False)
            other.tick_params(colors='#a3853f')
            axes.plot([], [], ':', color='#c4a35a', lw=1.6, label='mean SSIM (right)')
        axes.legend(loc='lower right')
        return _svg(figure)


def _curves(runs: list[dict], kind: str, name: str, x: str, y: str, labels: tuple[str, str],
            lowest: float = 1e-7, ticks: list[int] | None = None) -> str:
    """Steps of every run that has ``run[kind][name]``: shares against a logarithmic axis."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.5))
        axes = figure.add_subplot()
        have = [run for run in runs if name in run.get(kind, {})]
        start = np.inf
        for k, run in enumerate(have):
            across, share = (np.array(run[kind][name][key]) for key in (x, y))
            axes.step(np.maximum(across, lowest), 100 * share, where='post', lw=2,
                      color=_colour(k, len(have)), label=run['name'])
            start = min(start, across[across > 0].min())
        axes.set_xscale('log')
        axes.set_xlim(left=start)
        if ticks is not None:
            axes.set_xticks(ticks, [str(tick) for tick in ticks])
            axes.minorticks_off()
        axes.set_ylim(0, 101)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend(loc='lower right')
        return _svg(figure)


def roc_figure(runs: list[dict], pairs: str) -> str:
    """ROC with FAR on a logarithmic axis, every run a line."""
    return _curves(runs, 'pairs', pairs, 'far', 'tar', ('false accept rate',
                                                        'true accept rate, %'))


def rank_figure(runs: list[dict], name: str) -> str:
    """CMC: share of probes whose mate is among the k best, every run a line."""
    return _curves(runs, 'cmc', name, 'rank', 'share', ('rank', 'identified, %'),
                   ticks=[1, 5, 10, 20, 50, 100])


def open_set_figure(runs: list[dict], name: str) -> str:
    """True against false positive identification rate, every run a line."""
    return _curves(runs, 'tpir', name, 'fpir', 'tpir', ('false positive identification rate',
                                                        'true positive identification rate, %'))


def histogram_figure(run: dict, pairs: str) -> str:
    """Cosine similarities of same and different pairs (paper, Figure 1)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.5))
        axes = figure.add_subplot()
        data = run['pairs'][pairs]
        edges = np.array(data['edges'])
        for key, colour in (('different', '#d1495b'), ('same', '#2a9d5c')):
            counts = np.array(data[key], float)
            share = 100 * counts / max(counts.sum(), 1)
            axes.stairs(share, edges, fill=True, alpha=.35, color=colour)
            axes.stairs(share, edges, color=colour, lw=1.4, label=f'{key} person')
        axes.set_xlim(-.6, 1)
        axes.margins(y=.22)
        axes.set_ylim(bottom=0)
        axes.set_xlabel('cosine similarity')
        axes.set_ylabel('share of pairs, %')
        axes.legend(loc='upper left', fontsize=9, handlelength=1.2)
        return _svg(figure)


def bars_figure(counts: list[int], edges: np.ndarray, x_label: str, y_label: str,
                log: bool = False) -> str:
    """A histogram; ``log`` for a logarithmic horizontal axis."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 3.1))
        axes = figure.add_subplot()
        axes.stairs(counts, edges, fill=True, alpha=.35, color=_COLOURS[1])
        axes.stairs(counts, edges, color=_COLOURS[1], lw=1.4)
        if log:
            axes.set_xscale('log')
            axes.xaxis.set_major_formatter(lambda value, _: f'{value:g}')
        axes.set_ylim(bottom=0)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return _svg(figure)


def contact_sheet(images: list[np.ndarray], resolutions=(112, 28, 20, 14, 7)) -> bytes:
    """PNG: a row a resolution, a column a face (uint8 RGB), as the network sees them."""
    rows = [np.hstack([degrade_array(np.ascontiguousarray(image), r) for image in images])
            for r in resolutions]
    return cv2.imencode('.png', np.vstack(rows)[..., ::-1])[1].tobytes()
