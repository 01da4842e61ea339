"""Detect, choose, transform, and what to do when nothing is found."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lrfr_mm.datasets.alignment.detector import Detection, FaceDetector, build_detector
from lrfr_mm.errors import InputError
from lrfr_mm.ops.align import centre_crop, fit_template, warp_face

__all__ = ['MISSING', 'Aligned', 'FaceAligner', 'choose_face']

MISSING = ('skip', 'centre', 'pad')
_RETRY_SIDES = (160, 224, 320, 480)


@dataclass
class Aligned:
    """What became of one photograph.

    Attributes:
        image: uint8 RGB (size, size, 3), or None where it is skipped.
        policy: 'detected', 'given' (landmarks of the set), 'tile@F' (found in a part that was
            enlarged F times; see TiledDetector), 'retry@N' (found when padded and enlarged to
            N px), 'centre' (a centre crop), 'skipped'.
        faces: Number of faces that the detector found.
        box, landmarks: Of the chosen face, in px of the photograph; None without one.
        landmarks_aligned: The five landmarks in px of ``image``, float64 (5, 2); None without five.
        score: The detector's confidence; NaN without a detection.
        residual: RMS distance of the aligned landmarks from the template, px of 112.
        native: Side in px, in the photograph, of what the crop shows: below 112 it was enlarged.
    """

    image: np.ndarray | None
    policy: str
    faces: int = 0
    box: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    landmarks_aligned: np.ndarray | None = None
    score: float = float('nan')
    residual: float = float('nan')
    native: float = float('nan')


def choose_face(faces: list[Detection], width: int, height: int) -> Detection:
    """The face that the photograph is of: large and near the middle.

    (Area minus twice the squared distance from the middle, in px^2, as insightface chooses.)
    """
    middle = np.array([width, height]) / 2

    def merit(face: Detection) -> float:
        size = face.box[2:] - face.box[:2]
        away = (face.box[:2] + face.box[2:]) / 2 - middle
        return float(np.prod(size) - 2 * (away ** 2).sum())

    return max(faces, key=merit)


class FaceAligner:
    """From a photograph to a 112x112 face on the usual template.

    Args:
        detector: Config or detector; not needed where all landmarks are given.
        missing: What to do when no face is found: 'skip' it; 'centre': resize the middle of the
            picture; 'pad': put the picture on a black square half as large again, enlarge that to
            several sizes and look once more (for crops that are all face, as TinyFace's; what
            AdaFace does there), and take the centre if nothing is found then either.
        size: Side of the crop, px.

    Raises:
        InputError: For another ``missing``, or a size below 1.
    """

    def __init__(self, detector: dict | FaceDetector | None = None, missing: str = 'skip',
                 size: int = 112):
        if missing not in MISSING:
            raise InputError(f'missing must be one of {", ".join(MISSING)}, got {missing!r}')
        if size < 1:
            raise InputError(f'size must be at least 1 px, got {size}')
        self.detector = build_detector(detector) if detector is not None else None
        self.missing, self.size = missing, size

    def __call__(self, image: np.ndarray, landmarks: np.ndarray | None = None) -> Aligned:
        """Align one photograph.

        Args:
            image: uint8 RGB (H, W, 3).
            landmarks: (2, 2), (4, 2) or (5, 2) in px, where the set has them.

        Raises:
            ValueError: Without landmarks and detector, or for landmarks that are not those of a
                face.
        """
        if landmarks is not None:
            return self._warp(image, np.asarray(landmarks, np.float64), 'given')
        if self.detector is None:
            raise ValueError('no landmarks are given for this image, and there is no detector')
        faces = self.detector.detect(image)
        if faces:
            return self._found(image, faces)
        if self.missing == 'pad':
            h, w = image.shape[:2]
            side = round(1.5 * max(h, w))
            top, left = (side - h) // 2, (side - w) // 2
            square = np.zeros((side, side, 3), np.uint8)
            square[top:top + h, left:left + w] = image
            for target in _RETRY_SIDES:
                ratio = target / side
                how = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
                faces = self.detector.detect(cv2.resize(square, (target, target),
                                                        interpolation=how))
                if faces:
                    for face in faces:  # back to px of the photograph
                        face.landmarks = (face.landmarks + .5) / ratio - .5 - [left, top]
                        face.box = face.box / ratio - [left, top, left, top]
                    return self._found(image, faces, f'retry@{target}')
        if self.missing == 'skip':
            return Aligned(None, 'skipped')
        return Aligned(centre_crop(image, self.size), 'centre', native=float(min(image.shape[:2])))

    def _found(self, image: np.ndarray, faces: list[Detection],
               policy: str | None = None) -> Aligned:
        face = choose_face(faces, image.shape[1], image.shape[0])
        if policy is None:
            policy = 'detected' if face.found_in == 'image' else face.found_in
        result = self._warp(image, face.landmarks, policy)
        result.faces, result.box, result.score = len(faces), face.box, face.score
        return result

    def _warp(self, image: np.ndarray, landmarks: np.ndarray, policy: str) -> Aligned:
        matrix, residual = fit_template(landmarks, self.size)
        native = self.size / float(np.hypot(*matrix[:, 0]))
        moved = landmarks @ matrix[:, :2].T + matrix[:, 2] if len(landmarks) == 5 else None
        return Aligned(warp_face(image, landmarks, self.size), policy, landmarks=landmarks,
                       landmarks_aligned=moved, residual=residual, native=native)
