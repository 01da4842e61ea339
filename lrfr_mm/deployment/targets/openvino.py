"""OpenVINO."""
from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.int8 import mean_cosine, no_layer, split_calibration
from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.errors import InputError, MissingDependencyError
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
    of the least error on 100 of the calibration faces. On 40 others NNCF's accuracy control
    measures what each layer costs, and leaves the costliest in float until ``int8_cosine`` is
    reached.
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
    known = [(faces, original(faces)[0]) for faces in probes]

    def closeness(compiled, items) -> tuple[float, list[float]]:
        cosines = [mean_cosine(compiled(faces)[0], want) for faces, want in items]
        return min(cosines), cosines

    others = [op.get_friendly_name() for op in model.get_ops()
              if op.get_type_name() not in _QUANTISED]
    faces = [face[None] for group in ranges for face in group]
    quantised = nncf.quantize_with_accuracy_control(
        model, nncf.Dataset(faces), nncf.Dataset(known), closeness, max_drop=1 - wanted,
        preset=nncf.QuantizationPreset.MIXED, subset_size=len(faces), fast_bias_correction=False,
        ignored_scope=nncf.IgnoredScope(names=others, validate=False),
        advanced_quantization_parameters=AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.HISTOGRAM))
    if not any(op.get_type_name() == 'FakeQuantize' for op in quantised.get_ops()):
        raise InputError(no_layer(wanted))
    return quantised
