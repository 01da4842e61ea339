"""All targets and precisions of one recognizer side by side."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from lrfr_mm.deployment.export import export_recognizer
from lrfr_mm.deployment.network import ExportNetwork, as_function
from lrfr_mm.deployment.parity import ParityFaces, measure_speed
from lrfr_mm.registry import EXPORT_TARGETS

__all__ = ['export_table', 'speed_table']


def _kinds() -> list[tuple[str, str]]:
    """Every target with every precision that it knows."""
    EXPORT_TARGETS.import_from_location()
    return [(name, precision) for name, kind in sorted(EXPORT_TARGETS.module_dict.items())
            for precision in kind.precisions]


def _path(folder: Path, to: str, precision: str) -> Path:
    return folder / f'{to}-{precision}{EXPORT_TARGETS.get(to).suffix}'


def export_table(recognizer: nn.Module, folder: str | Path, faces: ParityFaces,
                 calibration: np.ndarray, size: int = 112, flip_test: str = 'none',
                 say: Callable[[str], None] = lambda line: None) -> pd.DataFrame:
    """Export to everything, whatever it loses, and compare.

    Args:
        recognizer: On the CPU, in eval mode.
        folder: For the exported files, ``TARGET-PRECISION`` with the target's ending.
        faces, calibration, size, flip_test: As of ``export_recognizer``.
        say: Called with the name of each export before it.

    Returns:
        A row for each target and precision: ``megabytes``; for each size ``cosine@S`` (mean) and
        ``loss@S`` (points of accuracy) with its 95 % interval ``loss_low@S`` to ``loss_high@S``,
        and ``accuracy@S`` of the original (%).
    """
    network, known = as_function(ExportNetwork(recognizer, flip_test).eval()), {}

    def original(images: np.ndarray) -> np.ndarray:  # every export is compared on the same faces
        key = hashlib.sha256(np.ascontiguousarray(images)).digest()
        if key not in known:
            known[key] = network(images)
        return known[key]

    rows = []
    for to, precision in _kinds():
        say(f'{to} {precision}')
        report = export_recognizer(
            recognizer, to, _path(Path(folder), to, precision), faces, precision, size, flip_test,
            calibration=calibration if precision == 'int8' else None, max_loss=100.,
            original=original)
        row = dict(target=to, precision=precision, megabytes=report.megabytes)
        for measured in report.rows:
            s = measured['size']
            row.update({f'accuracy@{s}': measured['accuracy_original'],
                        f'cosine@{s}': measured['cosine_mean'], f'loss@{s}': report.losses()[s],
                        f'loss_low@{s}': measured['loss_low'],
                        f'loss_high@{s}': measured['loss_high']})
        rows.append(row)
    return pd.DataFrame(rows)


def speed_table(recognizer: nn.Module, folder: str | Path, images: np.ndarray, threads: int = 2,
                flip_test: str = 'none') -> pd.DataFrame:
    """How fast the files of :func:`export_table` are, and the original.

    Args:
        recognizer, folder, flip_test: As of :func:`export_table`.
        images: Faces, uint8 (N, 3, H, H).
        threads: Of each network.

    Returns:
        A row each: ``target``, ``precision``, ``p50`` and ``p95`` of the latency of one face (ms),
        ``throughput`` (faces/s in batches of 32). Exports that are not in ``folder`` are left out.
    """
    original = as_function(ExportNetwork(recognizer, flip_test).eval())
    before = torch.get_num_threads()
    rows = []
    try:
        torch.set_num_threads(threads)
        for to, precision in [('original', 'fp32'), *_kinds()]:
            run = original
            if to != 'original':
                path = _path(Path(folder), to, precision)
                if not path.is_file():
                    continue
                run = EXPORT_TARGETS.build(dict(type=to)).load(path, threads)
            p50, p95, throughput = measure_speed(run, images)
            rows.append(dict(target=to, precision=precision, p50=p50, p95=p95,
                             throughput=throughput))
    finally:
        torch.set_num_threads(before)
    return pd.DataFrame(rows)
