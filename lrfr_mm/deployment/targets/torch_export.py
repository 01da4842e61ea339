"""torch.export's own archive."""
from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.registry import EXPORT_TARGETS

__all__ = ['TorchExportTarget']


class _Half(nn.Module):
    """A network whose backbone and neck have and use half-precision weights."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        for part in (network.recognizer.backbone, network.recognizer.neck):
            part.to(torch.float16)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        network = self.network
        images = network.recognizer.data_preprocessor.normalise(faces.float()).half()
        return network.embed_normalised(images)


@EXPORT_TARGETS.register_module(name='torch-export')
class TorchExportTarget(ExportTarget):
    """A ``.pt2`` file of ``torch.export``: a graph that torch loads without this package.

    'fp16' stores and computes backbone and neck in half precision.
    """

    suffix = '.pt2'
    precisions = ('fp32', 'fp16')

    def export(self, network: nn.Module, size: int, path: Path, precision: str,
               calibration: np.ndarray | None) -> None:
        example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
        if precision == 'fp16':
            network = _Half(copy.deepcopy(network)).eval()
        with torch.no_grad():
            program = torch.export.export(
                network, (example,), dynamic_shapes=dict(faces={0: torch.export.Dim('batch')}))
        torch.export.save(program, path)

    def load(self, path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
        module = torch.export.load(path).module()

        @torch.no_grad()
        def run(faces: np.ndarray) -> np.ndarray:
            before = torch.get_num_threads()
            torch.set_num_threads(threads)
            try:
                return module(torch.from_numpy(faces)).numpy()
            finally:
                torch.set_num_threads(before)

        return run
