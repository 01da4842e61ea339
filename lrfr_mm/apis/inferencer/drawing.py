"""Found faces, drawn into the picture."""
from __future__ import annotations

import cv2
import numpy as np

from lrfr_mm.apis.inferencer.results import PictureResult

__all__ = ['draw_faces']

_COLOUR = (46, 160, 67)
_DOT = (255, 196, 0)


def draw_faces(image: np.ndarray, result: PictureResult) -> np.ndarray:
    """A copy of ``image`` with a box, five landmarks and the size of each face.

    Args:
        image: uint8 RGB (H, W, 3).
        result: What was found in it.
    """
    out = np.ascontiguousarray(image).copy()
    width = max(1, round(max(out.shape[:2]) / 400))
    scale = max(.35, max(out.shape[:2]) / 1600)
    for face in result.faces:
        x0, y0, x1, y1 = (round(float(value)) for value in face.box)
        cv2.rectangle(out, (x0, y0), (x1, y1), _COLOUR, width, cv2.LINE_AA)
        for x, y in face.landmarks:
            cv2.circle(out, (round(float(x)), round(float(y))), width, _DOT, -1, cv2.LINE_AA)
        text = f'{face.size:.0f} px {face.score:.2f}'
        (text_width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        left = min(max(x0, 0), max(0, out.shape[1] - text_width - 4))
        bottom = y0 - width if y0 - height - base - width > 0 else y1 + height + base + width
        cv2.rectangle(out, (left, bottom - height - base), (left + text_width + 4, bottom),
                      _COLOUR, -1)
        cv2.putText(out, text, (left + 2, bottom - base + 1), cv2.FONT_HERSHEY_SIMPLEX, scale,
                    (255, 255, 255), 1, cv2.LINE_AA)
    return out
