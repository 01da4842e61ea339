"""The interface of a face detector, and how one is built from a config."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrfr_mm.errors import InputError, MissingDependencyError
from lrfr_mm.registry import DETECTORS

__all__ = ['DETECTORS', 'Detection', 'FaceDetector', 'build_detector', 'detector_names',
           'onnx_session']


@dataclass
class Detection:
    """One face.

    Attributes:
        box: x0, y0, x1, y1 in px, float64 (4,); may reach outside the image.
        landmarks: Left eye, right eye, nose tip, left and right mouth corner, as the picture shows
            them; x and y in px, float64 (5, 2).
        score: Confidence, 0 to 1.
        found_in: 'image', or 'tile@F' for a face that was found only after a part of the image was
            enlarged F times.
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float
    found_in: str = 'image'


class FaceDetector:
    """Finds faces and their five landmarks.

    A detector of your own derives from this class, is registered in ``DETECTORS``, and is used by
    its name in configs and on the command line (``custom_imports`` imports its module).

    Attributes:
        thread_safe: Whether several threads may call ``detect`` at once; pictures are then searched
            side by side.
    """

    thread_safe = False

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Faces in ``image``, uint8 RGB (H, W, 3), in order of decreasing score."""
        raise NotImplementedError


def detector_names() -> list[str]:
    """Registered names of all detectors, sorted; a detector may have several."""
    DETECTORS.import_from_location()
    return sorted(DETECTORS.module_dict)


def build_detector(config: dict | FaceDetector) -> FaceDetector:
    """``dict(type='MTCNNDetector', **arguments)`` to a detector; a detector is returned as it is.

    Raises:
        InputError: If the type is not registered, or the detector cannot be built.
        MissingDependencyError: If a package that the detector needs is not installed.
    """
    if not isinstance(config, dict):
        return config
    arguments = dict(config)
    kind = arguments.pop('type', None)
    detector = DETECTORS.get(kind) if isinstance(kind, str) else kind
    if detector is None:
        raise InputError(f'detector must be one of {", ".join(detector_names())}, got {kind!r}')
    try:
        return detector(**arguments)
    except TypeError as error:
        raise InputError(f'detector {kind}: {error}') from error


def onnx_session(model: str | bytes, needed_by: str):
    """An ``onnxruntime.InferenceSession`` on one CPU thread.

    Args:
        model: Path or content of an ONNX file.
        needed_by: Name of the detector, for the message.

    Raises:
        MissingDependencyError: If onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingDependencyError(f'the {needed_by} detector needs `pip install onnxruntime`'
                                     ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors: a warning a weight tells a user nothing
    return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
