"""OpenVINO."""
from __future__ import annotations

import contextlib
import io
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.int8 import float_layers, mean_cosine, split_calibration
from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.errors import MissingDependencyError
from lrfr_mm.registry import EXPORT_TARGETS

if TYPE_CHECKING:
    import openvino

__all__ = ['OpenVINOTarget']

_QUANTISED = ('Convolution', 'GroupConvolution', 'MatMul')


def _openvino():
    try:
        import openvino
    except ImportError:
        raise MissingDependencyError('the export to OpenVINO needs `pip install openvino`'
                                     ) from None
    return openvino


@EXPORT_TARGETS.register_module(name='openvino')
class OpenVINOTarget(ExportTarget):
    """An ``.xml`` file with the graph and a ``.bin`` file beside it with the weights.

    'fp16' stores the weights in half precision; what the device computes in is its own choice.
    'int8' quantises convolutions and linear layers with NNCF: activations by the asymmetric range
    of the least error on 100 of the calibration faces, biases corrected layer by layer. Layers
    stay in float, those first that cost most for the weights that they save, until 40 others
    have embeddings as near to the original's as ``int8_cosine``.
    """

    suffix = '.xml'
    precisions = ('fp32', 'fp16', 'int8')

    def export(self, network: nn.Module, size: int, path: Path, precision: str,
               calibration: np.ndarray | None) -> None:
        openvino = _openvino()
        example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        with torch.no_grad():
            model = openvino.convert_model(torch.export.export(
                network, (example,), dynamic_shapes=dict(faces={0: torch.export.Dim('batch')})))
        if precision == 'int8':
            model = _quantise(model, calibration, self.int8_cosine)
        openvino.save_model(model, str(path), compress_to_fp16=precision == 'fp16')

    def load(self, path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
        openvino = _openvino()
        compiled = openvino.Core().compile_model(str(path), 'CPU', dict(
            INFERENCE_NUM_THREADS=threads, INFERENCE_PRECISION_HINT='f32'))
        return lambda faces: compiled(faces)[0]


def _quantise(model: openvino.Model, calibration: np.ndarray, wanted: float) -> openvino.Model:
    """The int8 form of a float model."""
    try:
        import nncf
    except ImportError:
        raise MissingDependencyError('int8 for OpenVINO needs `pip install "nncf>=2.19"`') from None
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.ERROR)
    ranges, probes = split_calibration(calibration)
    original = _openvino().compile_model(model, 'CPU')
    known = [original(faces)[0] for faces in probes]
    weights = {op.get_friendly_name(): _weights(op) for op in model.get_ordered_ops()
               if op.get_type_name() in _QUANTISED}
    others = [op.get_friendly_name() for op in model.get_ops()
              if op.get_friendly_name() not in weights]
    faces = [face[None] for group in ranges for face in group]

    def quantise(left: Sequence[str]) -> openvino.Model:
        return nncf.quantize(
            model, nncf.Dataset(faces), preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(faces), fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(names=[*others, *left], validate=False),
            advanced_parameters=AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.HISTOGRAM))

    def closeness(left: Sequence[str]) -> float:
        compiled = _openvino().compile_model(quantise(left), 'CPU')
        return min(mean_cosine(compiled(faces)[0], want)
                   for faces, want in zip(probes, known, strict=True))

    with contextlib.redirect_stdout(io.StringIO()):  # it draws its progress, each time anew
        return quantise(float_layers(weights, closeness, wanted))


def _weights(op: openvino.Node) -> int:
    """How many numbers the constant inputs of a layer hold."""
    return sum(math.prod(source.get_shape()) for source in (
        value.get_node() for value in op.input_values())
        if source.get_type_name() == 'Constant')
