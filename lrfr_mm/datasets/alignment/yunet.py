"""OpenCV's face detector."""
from __future__ import annotations

import os

import cv2
import numpy as np

from lrfr_mm.datasets.alignment.detector import Detection, FaceDetector
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.registry import DETECTORS

__all__ = ['YuNetDetector']


@DETECTORS.register_module(name=['YuNetDetector', 'yunet'])
class YuNetDetector(FaceDetector):
    """OpenCV's ``FaceDetectorYN`` (YuNet; Wu et al., 2023) with a model file of the user's.

    Args:
        model: Path of the ONNX file, ``face_detection_yunet_*.onnx`` of OpenCV's model zoo.
        threshold: Least score.

    Raises:
        InputMissingError: If the file is missing.
        InputError: If OpenCV cannot read it.
    """

    def __init__(self, model: str = '', threshold: float = .6):
        if not os.path.isfile(model):
            raise InputMissingError(f'{model} does not exist; the YuNet detector needs '
                                    'face_detection_yunet_*.onnx of OpenCV\'s model zoo')
        try:
            self._net = cv2.FaceDetectorYN.create(model, '', (320, 320), threshold)
        except cv2.error as error:
            raise InputError(f'{model} is not a YuNet model: {str(error).splitlines()[0]}'
                             ) from None

    def detect(self, image: np.ndarray) -> list[Detection]:
        self._net.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self._net.detect(np.ascontiguousarray(image[..., ::-1]))
        rows = [] if rows is None else np.asarray(rows, np.float64)
        found = [Detection(np.array([x, y, x + w, y + h]), np.array(rest[:10]).reshape(5, 2),
                           float(rest[10])) for x, y, w, h, *rest in rows]
        return sorted(found, key=lambda face: -face.score)
