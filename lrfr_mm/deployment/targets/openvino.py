"""OpenVINO."""
from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.errors import MissingDependencyError
from lrfr_mm.registry import EXPORT_TARGETS

__all__ = ['OpenVINOTarget']


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
    'int8' quantises with NNCF's post-training quantiser on the calibration faces.
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
            try:
                import nncf
            except ImportError:
                raise MissingDependencyError('int8 for OpenVINO needs `pip install nncf`') from None
            nncf.set_log_level(logging.ERROR)
            faces = nncf.Dataset([face[None] for face in calibration])
            model = nncf.quantize(model, faces, subset_size=len(calibration))
        openvino.save_model(model, str(path), compress_to_fp16=precision == 'fp16')

    def load(self, path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
        openvino = _openvino()
        compiled = openvino.Core().compile_model(str(path), 'CPU', dict(
            INFERENCE_NUM_THREADS=threads, INFERENCE_PRECISION_HINT='f32'))
        return lambda faces: compiled(faces)[0]
