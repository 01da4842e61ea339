"""A plot as data: what a metric gives to the report."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ['SCALES', 'STYLES', 'Axis', 'Curve', 'Line']

SCALES = ('linear', 'log', 'probit')
STYLES = ('line', 'step', 'area')


@dataclass(frozen=True)
class Axis:
    """One axis of a plot.

    Attributes:
        label: What it shows, with the unit.
        scale: 'linear', 'log' or 'probit' (the normal deviate of a rate, as DET plots have it).
        ticks: Values to mark; None for matplotlib's choice.
        limits: Lower and upper end, None each for the data's.
    """

    label: str
    scale: str = 'linear'
    ticks: list[float] | None = None
    limits: tuple[float | None, float | None] = (None, None)

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f'scale must be one of {", ".join(SCALES)}, got {self.scale!r}')


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        x, y: Coordinates, equally long; of an 'area' (a histogram) x has the edges, one more.
        label: Entry of the legend; '' for the run's name.
        style: 'line' (with markers), 'step' (the value holds up to the next point) or 'area'.
        colour: Place in the palette; None for that of the run.
    """

    x: list[float]
    y: list[float]
    label: str = ''
    style: str = 'line'
    colour: int | None = None

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f'style must be one of {", ".join(STYLES)}, got {self.style!r}')
        if len(self.x) != len(self.y) + (self.style == 'area'):
            raise ValueError(f'{len(self.x)} x and {len(self.y)} y values do not fit the style '
                             f'{self.style!r}')


@dataclass(frozen=True)
class Curve:
    """A plot of one run.

    The report draws curves of several runs that have the same section and title into one plot, if
    their lines have no labels of their own; otherwise each run gets a plot.

    Attributes:
        section: Heading of the report under which it stands.
        title: Heading of the plot; unique within its section.
        x_axis, y_axis: The axes.
        lines: What is drawn.
        right_axis: A second vertical axis, on which ``right_lines`` are drawn, the same for every
            run.
        right_lines: See above.
        table: Also print the values as a table, a column for each x.
        note: A sentence under the plot or table.
    """

    section: str
    title: str
    x_axis: Axis
    y_axis: Axis
    lines: list[Line]
    right_axis: Axis | None = None
    right_lines: list[Line] = field(default_factory=list)
    table: bool = False
    note: str = ''

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and text, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Curve:
        """The curve that :meth:`to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: If ``data`` is not such a dict.
        """
        fields = dict(data)
        for name in ('x_axis', 'y_axis', 'right_axis'):
            if fields[name] is not None:
                fields[name] = Axis(**dict(fields[name], limits=tuple(fields[name]['limits'])))
        for name in ('lines', 'right_lines'):
            fields[name] = [Line(**line) for line in fields[name]]
        return cls(**fields)
