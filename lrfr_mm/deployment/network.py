"""The network that is exported: from uint8 faces to embeddings."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lrfr_mm.evaluation.functional.fusion import FLIP_TESTS

__all__ = ['ExportNetwork', 'as_function']


class ExportNetwork(nn.Module):
    """A recognizer with what belongs before and behind it.

    Args:
        recognizer: In eval mode.
        flip_test: 'none', 'concat' or 'sum': also embed the mirrored faces, see ``fuse_flip``.
        unit: Give the embeddings unit length.
    """

    def __init__(self, recognizer: nn.Module, flip_test: str = 'none', unit: bool = True):
        super().__init__()
        if flip_test not in FLIP_TESTS:
            raise ValueError(f'flip_test must be one of {", ".join(FLIP_TESTS)}, got {flip_test!r}')
        self.recognizer, self.flip_test, self.unit = recognizer, flip_test, unit

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """uint8 RGB (N, 3, H, W) to float32 (N, D), or (N, 2 D) with ``flip_test='concat'``."""
        return self.embed_normalised(self.recognizer.data_preprocessor.normalise(faces.float()))

    def embed_normalised(self, images: torch.Tensor) -> torch.Tensor:
        """What follows the normalisation: (N, 3, H, W) in the network's dtype to float32."""
        embeddings = self.recognizer.embed(images)
        if self.flip_test != 'none':
            mirrored = self.recognizer.embed(images.flip(-1))
            embeddings = (torch.cat([embeddings, mirrored], 1) if self.flip_test == 'concat'
                          else embeddings + mirrored)
        return F.normalize(embeddings.float()) if self.unit else embeddings.float()


def as_function(network: ExportNetwork) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function from uint8 RGB (N, 3, H, W) to float32 (N, D), on the CPU."""
    @torch.no_grad()
    def run(faces: np.ndarray) -> np.ndarray:
        return np.asarray(network(torch.from_numpy(faces)).numpy())

    return run
