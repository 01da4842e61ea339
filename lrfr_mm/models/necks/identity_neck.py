"""For backbones that give embeddings themselves."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule

from lrfr_mm.registry import MODELS

__all__ = ['IdentityNeck']


@MODELS.register_module()
class IdentityNeck(BaseModule):
    """The backbone's vector is the embedding: what a recognizer with ``neck=None`` has.

    Args:
        in_channels: Length of the vector, which is ``embed_dim``.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, in_channels: int, init_cfg=None):
        super().__init__(init_cfg)
        self.in_channels = self.embed_dim = in_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels), unchanged.

        Raises:
            ValueError: For another shape, such as a map's.
        """
        if x.shape[1:] != (self.in_channels,):
            raise ValueError(f'without a neck the backbone must give vectors of {self.in_channels} '
                             f'numbers, it gives {tuple(x.shape[1:])}')
        return x
