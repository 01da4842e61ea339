"""ONNX, run by onnxruntime."""
from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.errors import MissingDependencyError
from lrfr_mm.registry import EXPORT_TARGETS

__all__ = ['ONNXTarget']

_QUANTISED = ('Conv', 'Gemm', 'MatMul')
_CALIBRATION_BATCH = 16
_CALIBRATION_FACES = 96  # the quantiser keeps all their activations in memory, 20 MB a face
_PERCENTILE = 99.99  # of the activations of a tensor that its range holds


def _require() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingDependencyError('the export to ONNX needs `pip install onnx onnxscript '
                                     'onnxruntime`') from None


@EXPORT_TARGETS.register_module(name='onnx')
class ONNXTarget(ExportTarget):
    """One ``.onnx`` file: ``faces`` uint8 (N, 3, size, size) in, ``embeddings`` float32 (N, D) out.

    'fp16' stores and computes in half precision between the two ends. 'int8' quantises the
    convolutions and linear layers with onnxruntime's static quantiser: weights by channel,
    activations by the range that holds 99.99 % of their values on the calibration faces, of which
    96 are drawn at random. The first layer, the depthwise convolutions and the last layer stay in
    float: they have a small part of the weights, and quantising them loses most. Weights have 8
    bits: on x86 processors without VNNI the sums of their products saturate, so compare an export
    there as well.
    """

    suffix = '.onnx'
    precisions = ('fp32', 'fp16', 'int8')

    def export(self, network: nn.Module, size: int, path: Path, precision: str,
               calibration: np.ndarray | None) -> None:
        _require()
        example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        with torch.no_grad():
            torch.onnx.export(network, (example,), str(path), input_names=['faces'],
                              output_names=['embeddings'], dynamo=True, external_data=False,
                              verbose=False,
                              dynamic_shapes=dict(faces={0: torch.export.Dim('batch')}))
        if precision == 'fp16':
            import onnx
            from onnxruntime.transformers.float16 import convert_float_to_float16
            onnx.save(convert_float_to_float16(onnx.load(str(path)), keep_io_types=True), str(path))
        elif precision == 'int8':
            _quantise(path, calibration)

    def load(self, path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
        _require()
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(path), options,
                                               providers=['CPUExecutionProvider'])
        return lambda faces: session.run(['embeddings'], {'faces': faces})[0]


def _quantise(path: Path, calibration: np.ndarray) -> None:
    """Replace the float model at ``path`` by its int8 form."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    calibration = _calibration_faces(calibration)

    class Faces(CalibrationDataReader):
        def __init__(self):
            self.batches = iter([dict(faces=calibration[start:start + _CALIBRATION_BATCH])
                                 for start in range(0, len(calibration), _CALIBRATION_BATCH)])

        def get_next(self):
            return next(self.batches, None)

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # the quantiser logs advice about its own preprocessing
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            prepared = Path(folder, 'prepared.onnx')
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
                quantize_static(str(prepared), str(path), Faces(), quant_format=QuantFormat.QDQ,
                                per_channel=True, weight_type=QuantType.QInt8,
                                activation_type=QuantType.QUInt8,
                                op_types_to_quantize=list(_QUANTISED),
                                nodes_to_exclude=_sensitive_layers(prepared),
                                calibrate_method=CalibrationMethod.Percentile,
                                extra_options=dict(CalibPercentile=_PERCENTILE))
    finally:
        root.setLevel(level)


def _calibration_faces(faces: np.ndarray) -> np.ndarray:
    """At most 96 of ``faces`` in random order (seed 0), in whole batches: the quantiser cannot join
    its histograms over batches of several sizes.
    """
    count = min(len(faces), _CALIBRATION_FACES)
    if count > _CALIBRATION_BATCH:
        count -= count % _CALIBRATION_BATCH
    return faces[np.random.default_rng(0).permutation(len(faces))[:count]]


def _sensitive_layers(path: Path) -> list[str]:
    """Names of the first and the last layer, and of the convolutions with several groups."""
    import onnx
    layers = [node for node in onnx.load(str(path)).graph.node if node.op_type in _QUANTISED]
    grouped = [node for node in layers if any(
        attribute.name == 'group' and attribute.i > 1 for attribute in node.attribute)]
    return [node.name for node in [*layers[:1], *grouped, *layers[-1:]]]
