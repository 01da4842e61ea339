"""What became of aligned photographs: a sheet of the worst, and lines for a terminal."""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.files import whole_file

__all__ = ['report_lines', 'worst_sheet', 'write_worst_sheet']


def worst_sheet(out: str, rows: list[dict], count: int = 40, columns: int = 10) -> np.ndarray:
    """The aligned images that fit the template worst or were found with least confidence.

    Returns:
        uint8 RGB picture: rows of faces with residual (px of 112) and score below each.
    """
    have = [row for row in rows if row['output']]

    def badness(row: dict) -> float:
        residual = row['residual'] if np.isfinite(row['residual']) else 20.
        score = row['score'] if np.isfinite(row['score']) else .5
        return residual + 20 * (1 - score)

    worst = sorted(have, key=badness, reverse=True)[:count]
    lines = -(-max(len(worst), 1) // columns)
    sheet = np.full((lines * 134 + 8, columns * 120 + 8, 3), 255, np.uint8)
    for k, row in enumerate(worst):
        top, left = 8 + k // columns * 134, 8 + k % columns * 120
        face = cv2.resize(cv2.imread(str(Path(out, row['output']))), (112, 112))
        sheet[top:top + 112, left:left + 112] = face[..., ::-1]
        policy = row['policy'] if row['policy'] != 'detected' else ''
        text = f'{row["residual"]:.1f} px {row["score"]:.2f} {policy}'
        cv2.putText(sheet, text, (left, top + 124), cv2.FONT_HERSHEY_SIMPLEX, .36, (60, 60, 60), 1,
                    cv2.LINE_AA)
    return sheet


def write_worst_sheet(out: str, rows: list[dict]) -> Path:
    """Write :func:`worst_sheet` to ``out/worst.png``; returns the path."""
    path = Path(out, 'worst.png')
    with whole_file(path) as part:
        part.write_bytes(cv2.imencode('.png', worst_sheet(out, rows)[..., ::-1])[1].tobytes())
    return path


def report_lines(rows: list[dict]) -> list[str]:
    """What became of the photographs, for a terminal: policies, and spreads of the measurements.

    Args:
        rows: Of ``align_folder``.
    """
    lines = [f'{len(rows)} photographs:']
    for policy, count in Counter(row['policy'] for row in rows).most_common():
        lines.append(f'  {policy:<12} {count:>8}  {100 * count / len(rows):5.1f} %')
    for key, what in (('residual', 'distance from the template, px of 112'),
                      ('native', 'native side of the crop, px'),
                      ('flip_error', 'landmarks against the mirrored photograph, eye distances')):
        values = np.array([row[key] for row in rows], float)
        values = values[np.isfinite(values)]
        if len(values):
            lines.append(f'  {what}: mean {values.mean():.3f}, median {np.median(values):.3f}, '
                         f'95 % below {np.percentile(values, 95):.3f}')
    return lines
