"""MobileFaceNet as TensorFlow's exporters write it: batch norms folded, padding at the far side."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['FoldedMobileFaceNet']

# Expansion, channels, repeats, stride of the first block (MobileFaceNet, table 1).
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _conv(channels_in: int, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1,
          activation: bool = True) -> nn.Sequential:
    """A convolution with bias whose output side is ceil(side / stride), then a PReLU.

    TensorFlow's SAME padding of an even side at stride 2 adds one row below and one column at the
    right; at stride 1 it is symmetric.
    """
    padding = [nn.ZeroPad2d((0, kernel - 2, 0, kernel - 2))] if stride == 2 else []
    conv = nn.Conv2d(channels_in, channels, kernel, stride, 0 if padding else kernel // 2,
                     groups=groups)
    return nn.Sequential(*padding, conv, *([nn.PReLU(channels)] if activation else []))


class _Bottleneck(nn.Module):
    def __init__(self, channels_in: int, channels: int, expansion: int, stride: int):
        super().__init__()
        wide = channels_in * expansion
        self.body = nn.Sequential(_conv(channels_in, wide), _conv(wide, wide, 3, stride, wide),
                                  _conv(wide, channels, activation=False))
        self.residual = stride == 1 and channels_in == channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


@MODELS.register_module()
class FoldedMobileFaceNet(BaseModule):
    """MobileFaceNet (Chen et al., CCBR 2018) up to its 7x7 map, in the form of public TensorFlow
    and TFLite files; ``FoldedGDCNeck`` completes it.

    It differs from ``MobileFaceNet`` in three things: every batch norm is folded into the
    convolution before it (so its weights train without batch statistics), stride-2 convolutions
    pad as TensorFlow's SAME does, and a 1x1 convolution follows the second layer.
    """

    out_channels, out_size = 512, 7

    def __init__(self, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        layers = [_conv(3, 64, 3, 2), _conv(64, 64, 3, groups=64), _conv(64, 64, activation=False)]
        channels_in = 64
        for expansion, channels, repeats, stride in _STAGES:
            for k in range(repeats):
                layers.append(_Bottleneck(channels_in, channels, expansion, 1 if k else stride))
                channels_in = channels
        self.layers = nn.Sequential(*layers, _conv(channels_in, 512))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 112, 112) to (B, 512, 7, 7)."""
        return self.layers(x)
