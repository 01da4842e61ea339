"""Necks: from a backbone's map or vector to an embedding."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['EmbeddingNeck', 'GDCNeck', 'PoolNeck', 'check_map']


def check_map(x: torch.Tensor, channels: int, size: int, name: str) -> None:
    """Raise ValueError, naming the neck, unless ``x`` is (B, channels, size, size)."""
    if x.shape[1:] != (channels, size, size):
        raise ValueError(f'{name} was built for maps ({channels}, {size}, {size}), got '
                         f"{tuple(x.shape[1:])}; set the neck's in_channels and in_size, or leave "
                         'them out and the recognizer takes them from the backbone')


@MODELS.register_module()
class EmbeddingNeck(BaseModule):
    """BN, dropout, flatten, fully connected, BN1d: the paper's and ArcFace's option E.

    Args:
        in_channels: Channels of the map.
        in_size: Side of the map in px (7 for 112 px faces in the usual networks).
        embed_dim: Embedding size D.
        dropout: Probability of a map element to be dropped in training.
        norm_eps: Added to the variance in both batch norms.
        out_affine: Whether the last batch norm has a factor and an offset (AdaFace's has none).
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, in_channels: int, in_size: int = 7, embed_dim: int = 512,
                 dropout: float = .4, norm_eps: float = 1e-5, out_affine: bool = True,
                 init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.in_channels, self.in_size, self.embed_dim = in_channels, in_size, embed_dim
        self.norm = nn.BatchNorm2d(in_channels, eps=norm_eps)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(in_channels * in_size * in_size, embed_dim)
        self.out_norm = nn.BatchNorm1d(embed_dim, eps=norm_eps, affine=out_affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, in_size, in_size) to (B, embed_dim), not normalised."""
        check_map(x, self.in_channels, self.in_size, type(self).__name__)
        return self.out_norm(self.fc(self.dropout(self.norm(x)).flatten(1)))


@MODELS.register_module()
class GDCNeck(BaseModule):
    """Global depth-wise convolution, then a linear map and BN1d (MobileFaceNet, CCBR 2018).

    Args:
        in_channels: Channels of the map.
        in_size: Side of the map, px.
        embed_dim: Embedding size D.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, in_channels: int, in_size: int = 7, embed_dim: int = 512,
                 init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.in_channels, self.in_size, self.embed_dim = in_channels, in_size, embed_dim
        self.gdc = nn.Conv2d(in_channels, in_channels, in_size, groups=in_channels, bias=False)
        self.norm = nn.BatchNorm2d(in_channels)
        self.fc = nn.Linear(in_channels, embed_dim, bias=False)
        self.out_norm = nn.BatchNorm1d(embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, in_size, in_size) to (B, embed_dim), not normalised."""
        check_map(x, self.in_channels, self.in_size, type(self).__name__)
        return self.out_norm(self.fc(self.norm(self.gdc(x)).flatten(1)))


@MODELS.register_module()
class PoolNeck(BaseModule):
    """Mean over the map (a vector passes as it is), dropout, fully connected, BN1d.

    Args:
        in_channels: Channels of the map or length of the vector.
        in_size: Not used; any size passes.
        embed_dim: Embedding size D.
        dropout: Probability of an element to be dropped in training.
        norm_eps: Added to the variance in the batch norm.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, in_channels: int, in_size: int | None = None, embed_dim: int = 512,
                 dropout: float = 0., norm_eps: float = 1e-5, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.in_channels, self.embed_dim = in_channels, embed_dim
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(in_channels, embed_dim, bias=False)
        self.out_norm = nn.BatchNorm1d(embed_dim, eps=norm_eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, H, W) or (B, in_channels) to (B, embed_dim), not normalised."""
        if x.dim() == 4:
            x = x.mean((2, 3))
        return self.out_norm(self.fc(self.dropout(x)))
