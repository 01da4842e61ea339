"""A network of one million parameters for faces."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['MobileFaceNet']

# Expansion, channels, repeats, stride of the first (MobileFaceNet, table 1).
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _conv(channels_in: int, channels: int, kernel: int, stride: int = 1, groups: int = 1,
          activation: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, groups=groups,
                        bias=False), nn.BatchNorm2d(channels)]
    return nn.Sequential(*layers, *([nn.PReLU(channels)] if activation else []))


class _Bottleneck(nn.Module):
    def __init__(self, channels_in: int, channels: int, expansion: int, stride: int):
        super().__init__()
        wide = channels_in * expansion
        self.body = nn.Sequential(_conv(channels_in, wide, 1), _conv(wide, wide, 3, stride, wide),
                                  _conv(wide, channels, 1, activation=False))
        self.residual = stride == 1 and channels_in == channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


@MODELS.register_module()
class MobileFaceNet(BaseModule):
    """MobileFaceNet (Chen et al., CCBR 2018) up to its 7x7 map; ``GDCNeck`` completes it.

    Args:
        init_cfg: mmengine's weight initialisation.
    """

    out_channels, out_size = 512, 7

    def __init__(self, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        layers = [_conv(3, 64, 3, 2), _conv(64, 64, 3, 1, 64)]
        channels_in = 64
        for expansion, channels, repeats, stride in _STAGES:
            for k in range(repeats):
                layers.append(_Bottleneck(channels_in, channels, expansion, 1 if k else stride))
                channels_in = channels
        self.layers = nn.Sequential(*layers, _conv(channels_in, 512, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 112, 112) to (B, 512, 7, 7)."""
        return self.layers(x)
