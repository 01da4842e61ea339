"""From all tokens of a transformer to an embedding."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.models.necks.necks import check_map
from lrfr_mm.registry import MODELS

__all__ = ['TokenNeck']


@MODELS.register_module()
class TokenNeck(BaseModule):
    """Flatten, linear, BN1d, linear, BN1d: the neck of arcface_torch's and CVLFace's transformers.

    Args:
        in_channels: Channels C of the map.
        in_size: Side of the map, in tokens.
        embed_dim: Embedding size D.
        norm_eps: Added to the variance in both batch norms.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, in_channels: int, in_size: int, embed_dim: int = 512,
                 norm_eps: float = 2e-5, init_cfg=None):
        super().__init__(init_cfg)
        self.in_channels, self.in_size, self.embed_dim = in_channels, in_size, embed_dim
        self.fc1 = nn.Linear(in_channels * in_size ** 2, in_channels, bias=False)
        self.norm1 = nn.BatchNorm1d(in_channels, eps=norm_eps)
        self.fc2 = nn.Linear(in_channels, embed_dim, bias=False)
        self.norm2 = nn.BatchNorm1d(embed_dim, eps=norm_eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, in_size, in_size) to (B, embed_dim), not normalised.

        Raises:
            ValueError: For a map of another shape.
        """
        check_map(x, self.in_channels, self.in_size, type(self).__name__)
        tokens = x.flatten(2).transpose(1, 2).flatten(1)  # the channels of a token side by side
        return self.norm2(self.fc2(self.norm1(self.fc1(tokens))))
