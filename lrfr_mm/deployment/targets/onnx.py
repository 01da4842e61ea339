"""ONNX, run by onnxruntime."""
from __future__ import annotations

import contextlib
import io
import logging
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.int8 import float_layers, mean_cosine, split_calibration
from lrfr_mm.deployment.parity import Network
from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.errors import MissingDependencyError
from lrfr_mm.registry import EXPORT_TARGETS

__all__ = ['ONNXTarget']

_QUANTISED = ('Conv', 'Gemm', 'MatMul')
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

    'fp16' stores and computes in half precision between the two ends. 'int8' quantises convolutions
    and linear layers with onnxruntime's static quantiser: weights by channel, activations by the
    range that holds 99.99 % of their values on 100 of the calibration faces. On 40 others it is
    measured which layers stay in float, so that ``int8_cosine`` is reached; see
    :func:`~lrfr_mm.deployment.int8.float_layers`. Weights have 8 bits: on x86 processors without
    VNNI the sums of their products saturate, so compare an export there as well.
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
            _quantise(path, calibration, self.load, self.int8_cosine)

    def load(self, path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
        _require()
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(path), options,
                                               providers=['CPUExecutionProvider'])
        return lambda faces: session.run(['embeddings'], {'faces': faces})[0]


def _quantise(path: Path, calibration: np.ndarray, load: Callable[[Path, int], Network],
              wanted: float) -> None:
    """Replace the float model at ``path`` by its int8 form."""
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QDQQuantizer,
        QuantType,
        create_calibrator,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    ranges, probes = split_calibration(calibration)
    threads = torch.get_num_threads()
    known = [load(path, threads)(faces) for faces in probes]
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # the quantiser logs advice about its own preprocessing
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder, \
                contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            prepared = Path(folder, 'prepared.onnx')
            quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
            calibrator = create_calibrator(
                prepared, _QUANTISED, str(Path(folder, 'augmented.onnx')),
                CalibrationMethod.Percentile,
                extra_options=dict(percentile=_PERCENTILE, symmetric=False))
            for group in ranges:  # one at a time: their activations are kept in memory
                calibrator.collect_data(_Reader(group))
            tensors = calibrator.compute_data()

            def quantise(left: Sequence[str]) -> None:
                quantiser = QDQQuantizer(
                    onnx.load(str(prepared)), per_channel=True, reduce_range=False,
                    weight_qType=QuantType.QInt8, activation_qType=QuantType.QUInt8,
                    tensors_range=tensors, nodes_to_quantize=[], nodes_to_exclude=list(left),
                    op_types_to_quantize=list(_QUANTISED), extra_options={})
                quantiser.quantize_model()
                quantiser.model.save_model_to_file(str(path))

            def closeness(left: Sequence[str]) -> float:
                quantise(left)
                run = load(path, threads)
                return min(mean_cosine(run(faces), want)
                           for faces, want in zip(probes, known, strict=True))

            quantise(float_layers(_weights(prepared), closeness, wanted))
    finally:
        root.setLevel(level)


class _Reader:
    """Gives the quantiser one batch of faces."""

    def __init__(self, faces: np.ndarray):
        self.batches = [dict(faces=faces)]

    def get_next(self) -> dict | None:
        return self.batches.pop() if self.batches else None


def _weights(path: Path) -> dict[str, int]:
    """Names of the layers that can be quantised, and how many weights each has."""
    import onnx
    graph = onnx.load(str(path)).graph
    counts = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    return {node.name: sum(counts.get(name, 0) for name in node.input) for node in graph.node
            if node.op_type in _QUANTISED}
