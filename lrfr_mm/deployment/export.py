"""Export a recognizer, compare it with the original, and refuse what has become worse."""
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lrfr_mm.deployment.int8 import LEAST_FACES
from lrfr_mm.deployment.network import ExportNetwork, as_function
from lrfr_mm.deployment.parity import (
    Network,
    ParityFaces,
    ParityReport,
    measure_parity,
    mixed_sizes,
)
from lrfr_mm.deployment.targets.base import ExportTarget
from lrfr_mm.errors import InputError, UserError
from lrfr_mm.files import make_directory
from lrfr_mm.registry import EXPORT_TARGETS

__all__ = ['ExportRefusedError', 'export_recognizer']


class ExportRefusedError(UserError):
    """The exported network is worse than what was asked for; no file is left."""

    def __init__(self, message: str, report: ParityReport):
        super().__init__(message)
        self.report = report


def export_recognizer(recognizer: nn.Module, to: str, out: str | Path, faces: ParityFaces,
                      precision: str = 'fp32', size: int = 112, flip_test: str = 'none',
                      unit_length: bool = True, calibration: np.ndarray | None = None,
                      max_loss: float = .5, min_cosine: float = 0.,
                      original: Network | None = None) -> ParityReport:
    """Write a recognizer for another runtime, if it is as good there.

    Args:
        recognizer: On the CPU, in eval mode.
        to: Name of a registered target: 'onnx', 'openvino', 'torch-export', or one of yours.
        out: The file; the target's ending is appended where it is missing.
        faces: What the export is compared with the original on.
        precision: 'fp32', 'fp16' or 'int8', of those that the target knows.
        size: Side of the faces, px.
        flip_test: Whether the exported network also embeds mirrored faces; see ``fuse_flip``.
        unit_length: Whether its embeddings have unit length.
        calibration: uint8 RGB faces (N, 3, size, size) for 'int8', of other people than ``faces``
            where possible, at least 10; 140 are used. They are degraded to all sizes in turn:
            ranges that were measured on large faces alone cut off what small ones give.
        max_loss: Loss of verification accuracy, percentage points, that is accepted at any size.
        min_cosine: Least mean cosine of original and exported embeddings at any size.
        original: What the export is compared with; default the recognizer.

    Returns:
        The comparison.

    Raises:
        ExportRefusedError: If the export is worse than ``max_loss`` or ``min_cosine`` at any size.
        InputError: For an unknown target or precision, or int8 with too few calibration faces, or
            of a network of which no layer can be int8 at the target's ``int8_cosine``.
    """
    kind = EXPORT_TARGETS.get(to)
    if kind is None:
        raise InputError(f'{to!r} is no export target; there are '
                         f'{", ".join(sorted(EXPORT_TARGETS.module_dict))}')
    target: ExportTarget = kind()
    if precision not in target.precisions:
        raise InputError(f'the target {to} knows {", ".join(target.precisions)}, not {precision!r}')
    if precision == 'int8':
        given = 0 if calibration is None else len(calibration)
        if given < LEAST_FACES:
            raise InputError(f'int8 needs calibration faces, at least {LEAST_FACES}, not {given}: '
                             'the ranges of the activations are measured on them')
        calibration = mixed_sizes(calibration)
    out = Path(out)
    if out.suffix != target.suffix:
        out = out.with_name(out.name + target.suffix)
    network = ExportNetwork(recognizer, flip_test, unit_length).eval()
    threads = torch.get_num_threads()

    make_directory(out.parent)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f'.{out.name}.') as folder:
        made = Path(folder, out.name)
        target.export(network, size, made, precision, calibration)
        report = measure_parity(original or as_function(network), target.load(made, threads), faces)
        files = sorted(Path(folder).iterdir())
        report.megabytes = sum(file.stat().st_size for file in files) / 1e6
        _check(report, f'{to} {precision}', max_loss, min_cosine)
        for file in files:  # the one that is opened comes last
            if file != made:
                shutil.move(file, out.parent / file.name)
        os.replace(made, out)
    return report


def _check(report: ParityReport, name: str, max_loss: float, min_cosine: float) -> None:
    size, loss = max(report.losses().items(), key=lambda item: item[1])
    if loss > max_loss:
        raise ExportRefusedError(f'{name} loses {loss:.2f} points of accuracy at {size} px, more '
                                 f'than the {max_loss:g} that are accepted; nothing was written',
                                 report)
    row = min(report.rows, key=lambda row: row['cosine_mean'])
    if row['cosine_mean'] < min_cosine:
        raise ExportRefusedError(f'{name} has a mean cosine of {row["cosine_mean"]:.4f} with the '
                                 f'original at {row["size"]} px, less than {min_cosine:g}; nothing '
                                 'was written', report)
