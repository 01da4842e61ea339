"""The field's usual residual network."""
from __future__ import annotations

import torch
import torch.utils.checkpoint
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['IResNet']

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3),
           200: (6, 26, 60, 6)}


class _Block(nn.Module):
    """BN, conv, BN, PReLU, conv, BN, and the shortcut: no activation after the sum."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels))
        self.shortcut = nn.Identity()
        if stride > 1 or channels_in != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False),
                                          nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


@MODELS.register_module()
class IResNet(BaseModule):
    """Improved ResNet of ArcFace (Deng et al., CVPR 2019, section 3.1), up to its 7x7 map.

    With ``EmbeddingNeck(dropout=0.)`` it is what the field calls r18 to r200.

    Args:
        depth: 18, 34, 50, 100 or 200.
        checkpointing: Recompute each block's activations in the backward pass.
    """

    out_channels, out_size = 512, 7

    def __init__(self, depth: int = 50, checkpointing: bool = False):
        super().__init__()
        if depth not in _BLOCKS:
            raise ValueError(f'IResNet has depths {sorted(_BLOCKS)}, got {depth}')
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64),
                                  nn.PReLU(64))
        blocks, channels_in = [], 64
        for channels, count in zip((64, 128, 256, 512), _BLOCKS[depth], strict=True):
            for k in range(count):
                blocks.append(_Block(channels_in, channels, 2 if k == 0 else 1))
                channels_in = channels
        self.blocks = nn.ModuleList(blocks)
        self.checkpointing = checkpointing
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out')

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 112, 112) to (B, 512, 7, 7)."""
        x = self.stem(x)
        for block in self.blocks:
            if self.checkpointing and self.training:
                x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return x
