"""The end of a MobileFaceNet whose batch norms are folded into its convolutions."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.models.necks.necks import check_map
from lrfr_mm.registry import MODELS

__all__ = ['FoldedGDCNeck']


@MODELS.register_module()
class FoldedGDCNeck(BaseModule):
    """Global depth-wise convolution, a 1x1 convolution and a linear map, all with bias.

    Args:
        in_channels: Channels of the map.
        in_size: Side of the map, px.
        embed_dim: Embedding size D.
    """

    def __init__(self, in_channels: int, in_size: int = 7, embed_dim: int = 192,
                 init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.in_channels, self.in_size, self.embed_dim = in_channels, in_size, embed_dim
        self.gdc = nn.Conv2d(in_channels, in_channels, in_size, groups=in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels, 1)
        self.fc = nn.Linear(in_channels, embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, in_size, in_size) to (B, embed_dim), not normalised.

        Raises:
            ValueError: For a map of another shape.
        """
        check_map(x, self.in_channels, self.in_size, type(self).__name__)
        return self.fc(self.conv(self.gdc(x)).flatten(1))
