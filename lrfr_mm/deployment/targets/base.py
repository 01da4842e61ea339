"""What an export target is."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import nn

__all__ = ['ExportTarget']


class ExportTarget:
    """A runtime that a recognizer can be exported to.

    A new target is one file with a subclass, registered in ``EXPORT_TARGETS`` under the name that
    ``--to`` takes.

    Attributes:
        suffix: Ending of its files, with the dot.
        precisions: Of 'fp32', 'fp16' and 'int8', those that it knows.
        int8_cosine: Mean cosine of the embeddings with the original's that 'int8' keeps on
            calibration faces, at the size where it is least. Layers stay in float where they
            have to.
    """

    suffix: str
    precisions: tuple[str, ...] = ('fp32',)
    int8_cosine: float = .998

    def export(self, network: nn.Module, size: int, path: Path, precision: str,
               calibration: np.ndarray | None) -> None:
        """Write ``network`` to ``path``.

        Args:
            network: An :class:`~lrfr_mm.deployment.ExportNetwork` in eval mode, on the CPU.
            size: Side of the faces, px.
            path: The file to write; the caller moves it to its place.
            precision: One of ``precisions``.
            calibration: uint8 RGB faces (N, 3, size, size) for 'int8', degraded to 7, 10, 14, 20
                and 112 px in turn; else None.
        """
        raise NotImplementedError

    def load(self, path: Path, threads: int) -> Callable[[np.ndarray], np.ndarray]:
        """A function from uint8 RGB faces (N, 3, size, size) to float32 (N, D).

        Args:
            path: What :meth:`export` wrote.
            threads: Threads of one call.
        """
        raise NotImplementedError
