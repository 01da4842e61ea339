"""Alignment as a step of the pipeline."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from lrfr_mm.datasets.alignment import FaceAligner
from lrfr_mm.registry import TRANSFORMS

__all__ = ['AlignFace']


@TRANSFORMS.register_module()
class AlignFace(BaseTransform):
    """Brings a photograph to the usual 112x112 template, for sets that are small or seen once.

    ``landmarks`` become those of the result where every sample has five: they are given, or
    ``missing`` is 'error'. Detection is slow: for training, ``tools/align_faces.py`` does it once.

    Args:
        detector: Config of a detector of the DETECTORS registry, such as
            ``dict(type='MTCNNDetector')`` or ``dict(type='YuNetDetector', model=PATH)``; not needed
            where the sample has ``landmarks``, (2, 2), (4, 2) or (5, 2) in px.
        missing: 'error', 'centre' or 'pad' when no face is found; see
            :class:`~lrfr_mm.datasets.alignment.FaceAligner`.
        size: Side of the result, px.

    Raises:
        ValueError: If no face is found, with ``missing='error'``.
    """

    def __init__(self, detector: dict | None = None, missing: str = 'error', size: int = 112):
        if missing not in ('error', 'centre', 'pad'):
            raise ValueError(f"missing must be 'error', 'centre' or 'pad', got {missing!r}")
        self.settings = dict(detector=detector, size=size,
                             missing='skip' if missing == 'error' else missing)
        self._aligner = None

    def transform(self, results: dict) -> dict:
        if self._aligner is None:  # built in the worker: detectors do not travel
            self._aligner = FaceAligner(**self.settings)
        aligned = self._aligner(np.ascontiguousarray(results['img']), results.get('landmarks'))
        if aligned.image is None:
            raise ValueError('no face was found')
        results['img'], results['alignment'] = aligned.image, aligned.policy
        given = results.pop('landmarks', None) is not None  # those of the photograph
        if aligned.landmarks_aligned is not None and (given or self.settings['missing'] == 'skip'):
            results['landmarks'] = aligned.landmarks_aligned
        return results

    def __repr__(self) -> str:
        return f'AlignFace({self.settings})'

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_aligner': None}
