"""The methods as one picture and one page."""
from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from lrfr_mm.analysis.figures.labels import label_points
from lrfr_mm.analysis.figures.style import canvas, colour, save_figure
from lrfr_mm.analysis.methods.tables import MethodResult, primary_metric
from lrfr_mm.evaluation.report import html_page
from lrfr_mm.files import write_text

__all__ = ['trade_figure', 'write_page']

_TITLES = {'drawn': 'Drawn faces', 'att': 'AT&T, real faces',
           'yaleb': 'Extended Yale B, real faces', 'search': 'The search of each method',
           'published': 'What was published'}
# The tables have a dozen columns of numbers.
_STYLE = '<style>main{max-width:1560px}td{white-space:nowrap}svg{max-width:1100px}</style>'


def _front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those points that no other is above and to the right of, from left to right."""
    front, highest = [], float('-inf')
    for x, y in sorted(points, reverse=True):
        if y > highest:
            front.append((x, y))
            highest = y
    return front[::-1]


def trade_figure(results: Sequence[MethodResult], against: str, out: Path) -> Path:
    """Accuracy at 7 px against accuracy at 112 px on drawn faces, a dot a method with a deviation
    over seeds in both directions; the line joins the methods that no other beats in both.

    Returns:
        Path of ``methods.png`` in ``out``, beside .svg and .csv.
    """
    rows, points = [], []
    with canvas(width=11, height=8) as (figure, panels):
        axes = panels[0, 0]
        for result in results:
            x, y = (result.values[primary_metric(size=size)] for size in (112, 7))
            dx, dy = (values.std(ddof=1) if len(values) > 1 else 0. for values in (x, y))
            shade = colour(1 if result.name == against else 0)
            axes.errorbar(x.mean(), y.mean(), dy, dx, fmt='o', ms=5, lw=.6, color=shade,
                          ecolor='#dfe2e6', zorder=3)
            points.append((float(x.mean()), float(y.mean())))
            rows.append((result.name, *points[-1], float(dx), float(dy)))
        axes.plot(*zip(*_front(points), strict=True), color='#8a8f98', lw=1, ls='--', zorder=1)
        axes.set_xlabel('accuracy at 112 px, %')
        axes.set_ylabel('accuracy at 7 px, %')
        axes.margins(.08)
        label_points(axes, points, [result.name for result in results], [against])
        return save_figure(figure, ('method', 'accuracy_112', 'accuracy_7', 'deviation_112',
                                    'deviation_7'), rows, out, 'methods')


def _cell(text: str) -> str:
    """A cell as HTML, a p-value in small below its number."""
    value, _, p = text.partition(' (')
    if '±' not in value or not p:
        return escape(text)
    return f'{escape(value)}<br><small>p {escape(p.rstrip(")"))}</small>'


def write_page(tables: dict[str, pd.DataFrame], about: str, out: Path) -> Path:
    """Write ``methods.html``: the plot, what was done, and the tables; returns its path.

    Args:
        tables: Of ``method_tables``.
        about: What was done, plain text.
        out: Directory, which has ``methods.svg`` already.
    """
    picture = (out / 'methods.svg').read_text(encoding='utf-8')
    parts = [_STYLE, '<h1>Methods of low-resolution face recognition, one protocol</h1>',
             f'<p>{escape(about)}</p><section><h2>Small faces against large faces</h2>',
             picture[picture.index('<svg'):], '</section>']
    for name, table in tables.items():
        body = table.map(_cell).to_html(index=False, border=0, escape=False)
        parts.append(f'<section><h2>{escape(_TITLES.get(name, name))}</h2><div class="wrap">'
                     f'{body}</div></section>')
    page = out / 'methods.html'
    write_text(page, html_page('Methods', parts))
    return page
