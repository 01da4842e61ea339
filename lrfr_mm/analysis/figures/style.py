"""The files of a figure, in the look of the report's plots."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lrfr_mm.evaluation.report.style import canvas, colour, resolution_axis
from lrfr_mm.files import whole_file, write_text

__all__ = ['canvas', 'colour', 'resolution_axis', 'save_figure']


def save_figure(figure: Figure, header: Sequence[str], rows: Iterable[Sequence], out: Path,
                name: str) -> Path:
    """Write ``name``.png, .svg and .csv, what it shows as numbers, into ``out``; the PNG's path."""
    for suffix in ('png', 'svg'):
        with whole_file(out / f'{name}.{suffix}') as part:
            figure.savefig(part, format=suffix, dpi=160, bbox_inches='tight')
    table = pd.DataFrame(rows, columns=list(header))
    write_text(out / f'{name}.csv', table.to_csv(index=False, float_format='%.6g',
                                                 lineterminator='\n'))
    return out / f'{name}.png'
