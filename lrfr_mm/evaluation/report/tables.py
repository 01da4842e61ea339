"""Tables as text: Markdown, LaTeX, CSV, a terminal's; numbers with two digits."""
from __future__ import annotations

from pathlib import Path

import pandas as pd

from lrfr_mm.files import write_text

__all__ = ['to_csv', 'to_latex', 'to_markdown', 'to_terminal', 'write_tables']


def _filled(table: pd.DataFrame) -> pd.DataFrame:
    """All cells as text, empty where there is no number."""
    return table.map(lambda cell: cell if isinstance(cell, str) else
                     '' if pd.isna(cell) else f'{cell:.2f}' if isinstance(cell, float)
                     else str(cell))


def to_csv(table: pd.DataFrame) -> str:
    """Comma-separated values, a heading line first."""
    return _filled(table).to_csv(index=False, lineterminator='\n')


def to_markdown(table: pd.DataFrame) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    escaped = _filled(table).map(lambda cell: cell.replace('|', '\\|'))
    return escaped.to_markdown(
        index=False, disable_numparse=True,
        colalign=['left', *['right'] * (len(table.columns) - 1)]) + '\n'


def to_terminal(table: pd.DataFrame) -> str:
    """A plain table for a terminal: numbers to the right, text to the left."""
    sides = ['right' if pd.api.types.is_numeric_dtype(kind) else 'left' for kind in table.dtypes]
    return _filled(table).to_markdown(index=False, disable_numparse=True, tablefmt='simple',
                                      colalign=sides if len(table) else None)


def to_latex(table: pd.DataFrame) -> str:
    """A LaTeX tabular; needs booktabs."""
    return _filled(table).to_latex(index=False, escape=True,
                                   column_format='l' + 'r' * (len(table.columns) - 1))


def write_tables(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write each table as ``NAME.csv``, ``NAME.md`` and ``NAME.tex`` into ``folder``."""
    for name, table in tables.items():
        for suffix, writer in (('csv', to_csv), ('md', to_markdown), ('tex', to_latex)):
            write_text(folder / f'{name}.{suffix}', writer(table))
