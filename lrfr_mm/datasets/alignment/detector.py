"""What a face detector is."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ['DETECTORS', 'Detection', 'FaceDetector', 'build_detector']


@dataclass
class Detection:
    """One face.

    Attributes:
        box: x0, y0, x1, y1 in px, float64 (4,); may reach outside the image.
        landmarks: Eyes, nose tip, mouth corners, x and y in px, float64 (5, 2).
        score: Confidence, 0 to 1.
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class FaceDetector:
    """Finds faces and their five landmarks."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Faces in ``image``, uint8 RGB (H, W, 3), best first."""
        raise NotImplementedError


DETECTORS: dict[str, type[FaceDetector]] = {}


def build_detector(config: dict | FaceDetector) -> FaceDetector:
    """``dict(type='mtcnn'|'yunet', **arguments)`` to a detector.

    Raises:
        ValueError: For an unknown type.
    """
    if not isinstance(config, dict):
        return config
    arguments = dict(config)
    kind = arguments.pop('type')
    if kind not in DETECTORS:
        raise ValueError(f'detector must be one of {", ".join(DETECTORS)}, got {kind!r}')
    return DETECTORS[kind](**arguments)
