"""Embeddings of a benchmark on disk, found again by what they are made of."""
from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch

from lrfr_mm.engine.checkpoint import whole_tensor
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.files import whole_file

__all__ = ['EmbeddingCache']


class EmbeddingCache:
    """Files named by (network, benchmark, view).

    The network is told by all its numbers and its structure, the benchmark by every byte of its
    images, their order, the pipeline and the decoder: a changed one is never mistaken.

    Args:
        folder: Where the files lie.
        model: The recognizer.
    """

    def __init__(self, folder: str, model: torch.nn.Module):
        self.folder = Path(folder)
        digest = hashlib.blake2b(repr(model).encode(), digest_size=8)
        for name, value in sorted(model.state_dict().items()):
            value = whole_tensor(value)
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
                          if value.dim() else str(value.item()).encode())
        self._model = digest.hexdigest()

    def key(self, benchmark) -> str:
        """What tells ``benchmark``, under this network, from any other."""
        inner = getattr(benchmark, 'inner', benchmark)  # CrossResolution degrades another's images
        digest = hashlib.blake2b(f'{inner.pipeline!r} {inner.decoder} '
                                 f'{getattr(benchmark, "resolution", None)}'.encode(),
                                 digest_size=8)
        for i in range(len(benchmark)):
            data = benchmark.source.read(i)[0]
            digest.update(data.tobytes() if isinstance(data, np.ndarray) else data)
        if hasattr(benchmark, '_low'):
            digest.update(benchmark._low.tobytes())
        return f'{benchmark.name}-{self._model}-{digest.hexdigest()}'

    def _path(self, key: str, view: View) -> Path:
        side = 'full' if view.resolution is None else f'{view.resolution}px'
        side += '' if view.degradation == 'bicubic' else f'-{view.degradation}'
        return self.folder / f'{key}-{side}{"-mirrored" if view.mirrored else ""}.npy'

    def load(self, key: str, views) -> dict[View, np.ndarray]:
        """Those of ``views`` that are there; a damaged file counts as missing."""
        found = {}
        for view in views:
            try:
                found[view] = np.load(self._path(key, view), allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
        return found

    def save(self, key: str, embeddings: dict[View, np.ndarray]) -> None:
        for view, vectors in embeddings.items():
            with whole_file(self._path(key, view)) as part, open(part, 'wb') as file:
                np.save(file, vectors)
