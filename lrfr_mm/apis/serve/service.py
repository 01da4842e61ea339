"""What the server does with pictures, without any HTTP."""
from __future__ import annotations

import base64
import threading
from dataclasses import dataclass

import cv2
import numpy as np

from lrfr_mm.apis.gallery import Gallery
from lrfr_mm.apis.inferencer import Face, FaceInferencer, Picture
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.image_header import read_header
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.calibration import Decision, SizeCalibration
from lrfr_mm.ops.resample import degrade_array

__all__ = ['FaceService', 'Limits']


@dataclass(frozen=True)
class Limits:
    """What an upload may be.

    Attributes:
        megabytes: Of one request.
        megapixels: Of one picture; larger ones are refused before they are decoded.
        longest_side: Larger pictures are shrunk to it before faces are looked for, px.
        faces: Faces of one picture that are looked at.
    """

    megabytes: float = 12.
    megapixels: float = 40.
    longest_side: int = 1600
    faces: int = 50


class FaceService:
    """Finds, compares and identifies faces; keeps no picture.

    One request uses the networks at a time: they use all cores by themselves.

    Args:
        inferencer: With the detector.
        calibration: Of the same recognizer; None for similarities without verdicts.
        gallery: None for no search.
        limits: Of the uploads.
    """

    def __init__(self, inferencer: FaceInferencer, calibration: SizeCalibration | None = None,
                 gallery: Gallery | None = None, limits: Limits | None = None):
        self.inferencer, self.calibration, self.gallery = inferencer, calibration, gallery
        self.limits = limits or Limits()
        self._lock = threading.Lock()

    # -- pictures --------------------------------------------------------------------------------
    def picture(self, data: bytes) -> np.ndarray:
        """Decode an upload, uint8 RGB.

        Raises:
            InputError: If it is no picture, or too large.
        """
        try:
            header = read_header(data)
        except ValueError as error:
            raise InputError(f'the upload is not a picture: {error}') from None
        if header is None:
            raise InputError('the upload is not a picture (JPEG, PNG, WebP, BMP or TIFF)')
        if header.width * header.height > 1e6 * self.limits.megapixels:
            raise InputError(f'the picture has {header.width}x{header.height} px; at most '
                             f'{self.limits.megapixels:g} megapixels are taken')
        return decode(data, 'cv2')

    def faces(self, data: bytes) -> tuple[list[Face], tuple[int, int]]:
        """Faces of an upload with embeddings, coordinates in px of the upload; width and height."""
        image = self.picture(data)
        height, width = image.shape[:2]
        ratio = min(1., self.limits.longest_side / max(height, width))
        if ratio < 1:
            image = cv2.resize(image, (round(width * ratio), round(height * ratio)),
                               interpolation=cv2.INTER_AREA)
        with self._lock:
            result = self.inferencer.find(Picture('upload', image))
            result.faces = result.faces[:self.limits.faces]
            self.inferencer.forward([result])
        for face in result.faces:
            face.box, face.landmarks, face.size = (face.box / ratio, face.landmarks / ratio,
                                                   face.size / ratio)
        return result.faces, (width, height)

    def aligned(self, data: bytes) -> np.ndarray:
        """An aligned face that this server has given out before."""
        image, size = self.picture(data), self.inferencer.embedder.size
        if image.shape != (size, size, 3):
            raise InputError(f'an aligned face of {size}x{size} px is needed')
        return image

    # -- comparisons -----------------------------------------------------------------------------
    def decide(self, score: float, sizes: tuple[float, float], far: float) -> dict | None:
        """The calibrated decision as a dict; with ``problem`` where there is none, None without a
        calibration.
        """
        if self.calibration is None:
            return None
        try:
            return describe(self.calibration.decide(score, sizes, far))
        except InputError as error:
            return dict(problem=str(error))

    def sweep(self, first: bytes, second: bytes, sizes: tuple[float, float], far: float,
              resolutions: list[int]) -> list[dict]:
        """Compare two aligned faces while the second shrinks.

        Args:
            first, second: Aligned faces, encoded.
            sizes: Their sizes in their pictures, px.
            far: Wanted false-accept rate.
            resolutions: Sides to shrink the second face to, px (Pillow's bicubic, and back).

        Returns:
            For each resolution, in the order given: ``resolution``, ``similarity``, ``decision``,
            ``image`` (the shrunken face as a data URL).
        """
        one, two = self.aligned(first), self.aligned(second)
        side = two.shape[0]
        shown = [degrade_array(two, min(resolution, side)) for resolution in resolutions]
        with self._lock:
            vectors = self.inferencer.embedder.embed([one, *shown])
        out = []
        for resolution, image, score in zip(resolutions, shown, vectors[1:] @ vectors[0],
                                            strict=True):
            size = min(sizes[1], float(resolution)) if resolution < side else sizes[1]
            out.append(dict(resolution=resolution, similarity=float(score), image=data_url(image),
                            decision=self.decide(float(score), (sizes[0], size), far)))
        return out


def describe(decision: Decision) -> dict:
    """A decision as plain numbers and words."""
    return dict(match=decision.match, threshold=decision.threshold, far=decision.far,
                far_interval=list(decision.far_interval), frr=decision.frr, llr=decision.llr,
                sizes=list(decision.sizes), words=decision.in_words())


def data_url(image: np.ndarray) -> str:
    """A uint8 RGB image as a PNG data URL."""
    return 'data:image/png;base64,' + base64.b64encode(
        cv2.imencode('.png', image[..., ::-1])[1]).decode()
