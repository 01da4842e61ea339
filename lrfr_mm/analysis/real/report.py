"""One page: a real network before and after its adaptation."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lrfr_mm.analysis.figures.style import canvas, colour, resolution_axis
from lrfr_mm.evaluation.report.page import html_page, render
from lrfr_mm.evaluation.report.style import svg_text
from lrfr_mm.files import write_text

if TYPE_CHECKING:
    from lrfr_mm.analysis.real.run import Result

__all__ = ['write_real_report']


def write_real_report(result: Result, out: Path) -> Path:
    """Write ``index.html`` and ``table.csv`` into ``out``.

    Args:
        result: Of ``run_real``.
        out: Directory.

    Returns:
        Path of the page.
    """
    rows = [dict(degradation=kind, faces=name, before=value, after=result.after[kind][name],
                 difference=result.differences[kind][name][0],
                 low=result.differences[kind][name][1], high=result.differences[kind][name][2])
            for kind, values in result.before.items() for name, value in values.items()]
    write_text(out / 'table.csv', pd.DataFrame(rows).to_csv(index=False, float_format='%.3f',
                                                            lineterminator='\n'))
    body = render('real.html', 'lrfr_mm.analysis.real', rows=rows, result=result,
                  plot=_plot(result))
    page = out / 'index.html'
    write_text(page, html_page('A real network before and after adaptation', [body]))
    return page


def _plot(result: Result) -> str:
    with canvas(columns=len(result.before)) as (figure, axes):
        for axis, kind in zip(axes[0], result.before, strict=True):
            for k, (label, values) in enumerate((('before', result.before[kind]),
                                                 ('after', result.after[kind]))):
                sizes = sorted(int(name) for name in values if name.isdigit())
                axis.plot(sizes, [values[str(s)] for s in sizes], 'o-', color=colour(k),
                          label=f'{label}, both faces small')
                cross = [s for s in sizes if f'{s} against 112' in values]
                axis.plot(cross, [values[f'{s} against 112'] for s in cross], 's--',
                          color=colour(k), label=f'{label}, one face small')
            resolution_axis(axis, sizes)
            axis.set_title(kind)
            axis.set_ylabel('AUC, %')
            axis.legend()
        return svg_text(figure)
