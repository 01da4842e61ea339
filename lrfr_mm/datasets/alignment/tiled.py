"""Small faces: any detector on enlarged parts of the image."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torchvision.ops import nms

from lrfr_mm.datasets.alignment.detector import Detection, FaceDetector, build_detector
from lrfr_mm.errors import InputError
from lrfr_mm.registry import DETECTORS

__all__ = ['TiledDetector']


@DETECTORS.register_module()
class TiledDetector(FaceDetector):
    """Runs a detector on the image, then on overlapping tiles of it that are enlarged.

    A face that is found several times is reported once. What the detector finds in the image itself
    always stays as it is, so that tiles only add faces; then smaller factors come before larger
    ones. ``Detection.found_in`` says 'image' or 'tile@FACTOR'.

    Args:
        detector: Config of the detector, or a detector.
        factors: How many times to enlarge (bicubic), each above 1.
        tile: Side of a tile after enlarging, px. It bounds the memory.
        margin: Least overlap of neighbouring tiles after enlarging, px. A face that the edge of a
            tile cuts off is dropped there, because the neighbouring tile shows it whole if it is no
            larger than this.
        overlap: Boxes with a greater intersection over union with one that precedes them are the
            same face.

    Raises:
        InputError: For arguments without a meaning.
    """

    def __init__(self, detector: dict | FaceDetector, factors: Sequence[float] = (2, 4),
                 tile: int = 640, margin: int = 160, overlap: float = .4):
        if not factors or min(factors) <= 1:
            raise InputError(f'factors must be numbers above 1, got {list(factors)}')
        if not 0 <= margin < tile:
            raise InputError(f'margin must be from 0 to below tile, got {margin} and {tile}')
        self.detector = build_detector(detector)
        self.thread_safe = self.detector.thread_safe
        self.factors, self.tile, self.margin = sorted(factors), tile, margin
        self.overlap = overlap

    def detect(self, image: np.ndarray) -> list[Detection]:
        found = self.detector.detect(image)
        for factor in self.factors:
            found += self._enlarged(image, factor)
        if not found:
            return []
        # torchvision orders by score: earlier passes take precedence over later ones.
        scores = np.array([face.score for face in found])
        passes = np.array([self._pass_of(face) for face in found])
        order = torch.from_numpy(scores - 2. * passes)
        keep = nms(torch.from_numpy(np.stack([face.box for face in found])), order, self.overlap)
        return sorted((found[k] for k in keep.tolist()), key=lambda face: -face.score)

    def _pass_of(self, face: Detection) -> int:
        if face.found_in == 'image':
            return 0
        return 1 + [f'tile@{factor:g}' for factor in self.factors].index(face.found_in)

    def _enlarged(self, image: np.ndarray, factor: float) -> list[Detection]:
        h, w = image.shape[:2]
        side = max(1, int(self.tile / factor))
        margin = int(self.margin / factor)
        found = []
        for top in _starts(h, side, margin):
            for left in _starts(w, side, margin):
                part = np.ascontiguousarray(image[top:top + side, left:left + side])
                height, width = part.shape[:2]
                size = (max(1, round(width * factor)), max(1, round(height * factor)))
                scale = np.array(size) / [width, height]
                for face in self.detector.detect(cv2.resize(part, size,
                                                            interpolation=cv2.INTER_CUBIC)):
                    box = face.box / np.tile(scale, 2)
                    if ((box[0] < 0 and left > 0) or (box[1] < 0 and top > 0)
                            or (box[2] > width and left + width < w)
                            or (box[3] > height and top + height < h)):
                        continue  # cut off by the tile's edge
                    found.append(Detection(
                        box + [left, top, left, top],
                        (face.landmarks + .5) / scale - .5 + [left, top], face.score,
                        f'tile@{factor:g}'))
        return found


def _starts(length: int, side: int, margin: int) -> list[int]:
    """Where tiles of ``side`` begin that cover ``length`` and overlap by at least ``margin``."""
    if length <= side:
        return [0]
    count = -(-(length - margin) // (side - margin))
    return np.linspace(0, length - side, count).round().astype(int).tolist()
