"""Names beside many points, placed so that they do not cover each other."""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from matplotlib.axes import Axes

__all__ = ['label_points', 'place_boxes']

Box = tuple[float, float, float, float]  # left, bottom, right, top
_DIRECTIONS = [math.pi * k / 8 for k in (0, 8, 1, 15, 7, 9, 2, 14, 6, 10, 4, 12, 3, 13, 5, 11)]
_DISTANCES = (7., 14., 22., 32., 44., 58., 74., 92.)
_WIDTH = .54  # of a letter, relative to the size of the font
_DOT = 4.


def place_boxes(points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]],
                within: Box) -> list[Box]:
    """A box near each point, one after the other: the nearest place that overlaps no earlier box,
    no point, and stays within; where there is none the place with the smallest overlap.

    Args:
        points: (x, y) of the points.
        sizes: Width and height of each box, in the same unit.
        within: Left, bottom, right and top of what is free.

    Returns:
        Left, bottom, right and top of each box.
    """
    dots = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in points]
    placed: list[Box] = []
    for (x, y), (width, height) in zip(points, sizes, strict=True):
        best, smallest = None, math.inf
        for distance, angle in itertools.product(_DISTANCES, _DIRECTIONS):
            dx, dy = distance * math.cos(angle), distance * math.sin(angle)
            side = 0 if abs(math.cos(angle)) < .3 else math.copysign(.5, dx)
            left = x + dx + (side - .5) * width  # beside the point, or centred above or below it
            bottom = y + dy - height / 2
            box = (left, bottom, left + width, bottom + height)
            covered = sum(_overlap(box, other) for other in (*dots, *placed))
            covered += 4 * (width * height - _overlap(box, within))
            if covered < smallest - 1e-9:
                best, smallest = box, covered
            if smallest < 1e-9:
                break
        placed.append(best)
    return placed


def _overlap(a: Box, b: Box) -> float:
    return (max(0., min(a[2], b[2]) - max(a[0], b[0]))
            * max(0., min(a[3], b[3]) - max(a[1], b[1])))


def label_points(axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str],
                 bold: Sequence[str] = (), size: float = 8.) -> None:
    """Write a name beside each point, joined to it by a thin line where it is not next to it.

    Args:
        axes: With everything else drawn: its limits and its layout must not change afterwards.
        points: (x, y) in data.
        names: Of the points.
        bold: Those of the names that stand out.
        size: Of the font, pt.
    """
    axes.figure.draw_without_rendering()  # limits and layout are final
    scale = 72 / axes.figure.dpi  # pixels to pt
    places = [tuple(axes.transData.transform(point) * scale) for point in points]
    frame = axes.get_window_extent()
    boxes = place_boxes(places, [(_WIDTH * size * len(name), 1.15 * size) for name in names],
                        (frame.x0 * scale, frame.y0 * scale, frame.x1 * scale, frame.y1 * scale))
    for point, (x, y), name, box in zip(points, places, names, boxes, strict=True):
        middle = ((box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y)
        gap = math.hypot(max(0., box[0] - x, x - box[2]), max(0., box[1] - y, y - box[3]))
        line = dict(arrowstyle='-', color='#b5bac1', lw=.6, shrinkA=0, shrinkB=3)
        axes.annotate(name, point, middle, textcoords='offset points', ha='center', va='center',
                      fontsize=size, color='#3c4043', arrowprops=line if gap > 10 else None,
                      fontweight='bold' if name in bold else 'normal', zorder=4)
