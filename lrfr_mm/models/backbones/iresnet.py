"""The field's usual residual network, as ArcFace's, MagFace's and AdaFace's projects have it."""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.utils.checkpoint
from mmengine.model import BaseModule
from torch import nn
from torchvision.ops import SqueezeExcitation

from lrfr_mm.registry import MODELS

__all__ = ['IResNet']

# Blocks of the four stages. AdaFace's and CVLFace's 'ir_101' is what the others call r100.
_DEPTHS = {
    'basic': {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3),
              101: (3, 13, 30, 3), 152: (3, 8, 36, 3), 200: (6, 26, 60, 6)},
    'bottleneck': {152: (3, 8, 36, 3), 200: (3, 24, 36, 3)},
}
_WIDTHS = {'basic': (64, 128, 256, 512), 'bottleneck': (256, 512, 1024, 2048)}
_REDUCTION = 16  # of the squeeze


def _basic(channels_in: int, channels: int, stride: int) -> list[nn.Module]:
    """BN, 3x3, BN, PReLU, 3x3 with the stride, BN."""
    return [nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)]


def _bottleneck(channels_in: int, channels: int, stride: int) -> list[nn.Module]:
    """BN, 1x1 to a quarter, BN, PReLU, 3x3, BN, PReLU, 1x1 with the stride, BN."""
    narrow = channels // 4
    return [nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, narrow, 1, bias=False), nn.BatchNorm2d(narrow),
            nn.PReLU(narrow),
            nn.Conv2d(narrow, narrow, 3, 1, 1, bias=False), nn.BatchNorm2d(narrow),
            nn.PReLU(narrow),
            nn.Conv2d(narrow, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)]


class _SqueezeExcitation(SqueezeExcitation):
    """Squeeze-and-excitation (Hu et al., CVPR 2018) without biases, as the face networks have it.

    ``fc1`` and ``fc2`` are 1x1 convolutions of a (B, C, 1, 1) mean; the output is ``x`` times the
    sigmoid of the second.
    """

    def __init__(self, channels: int):
        super().__init__(channels, channels // _REDUCTION)
        self.fc1.bias = self.fc2.bias = None


class _Block(nn.Module):
    """The residual branch ``body`` plus the shortcut; no activation after the sum."""

    def __init__(self, block: str, channels_in: int, channels: int, stride: int, shortcut: str,
                 se: bool):
        super().__init__()
        layers = (_basic if block == 'basic' else _bottleneck)(channels_in, channels, stride)
        self.body = nn.Sequential(*layers, *([_SqueezeExcitation(channels)] if se else []))
        if channels_in == channels and (stride == 1 or shortcut == 'subsample'):
            # A pooling of one pixel takes every stride-th pixel as it is.
            self.shortcut = nn.Identity() if stride == 1 else nn.MaxPool2d(1, stride)
        else:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False),
                                          nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


@MODELS.register_module()
class IResNet(BaseModule):
    """Improved ResNet of ArcFace (Deng et al., CVPR 2019, section 3.1), up to its 7x7 map.

    With ``EmbeddingNeck(dropout=0.)`` and the defaults it is arcface_torch's r18 to r200 and, with
    ``norm_eps=2e-5``, MagFace's network. ``shortcut='subsample'`` is AdaFace's and CVLFace's ir_18
    to ir_101, with ``se=True`` their ir_se_50 and ir_se_101, and with ``block='bottleneck'`` their
    ir_152 and ir_200.

    Args:
        depth: 18, 34, 50, 100 (or 101, the same), 152 or 200, for 'bottleneck' 152 or 200; or the
            numbers of blocks of the four stages.
        block: 'basic' (two 3x3 convolutions, 512 channels in the end) or 'bottleneck' (2048).
        shortcut: Of a block with a stride and as many channels before as after (the first of all
            'basic' blocks): 'conv', a 1x1 convolution and a batch norm as in every other strided
            block; 'subsample', every second pixel.
        se: Squeeze-and-excitation after the last batch norm of each branch.
        norm_eps: Added to the variance in every batch norm.
        checkpointing: Recompute each block's activations in the backward pass.
        init_cfg: mmengine's weight initialisation.

    Attributes:
        out_channels: 512 or 2048.
        out_size: 7, for 112 px faces.

    Raises:
        ValueError: For another depth, block or shortcut.
    """

    out_size = 7

    def __init__(self, depth: int | Sequence[int] = 50, block: str = 'basic',
                 shortcut: str = 'conv', se: bool = False, norm_eps: float = 1e-5,
                 checkpointing: bool = False, init_cfg=None):
        super().__init__(init_cfg)
        if block not in _DEPTHS:
            raise ValueError(f"block must be 'basic' or 'bottleneck', got {block!r}")
        if shortcut not in ('conv', 'subsample'):
            raise ValueError(f"shortcut must be 'conv' or 'subsample', got {shortcut!r}")
        counts = _DEPTHS[block].get(depth) if isinstance(depth, int) else tuple(depth)
        if counts is None or len(counts) != 4 or min(counts) < 1:
            raise ValueError(f'IResNet of {block} blocks has depths {sorted(_DEPTHS[block])}, or '
                             f'the numbers of blocks of four stages, got {depth}')
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64),
                                  nn.PReLU(64))
        blocks, channels_in = [], 64
        for channels, count in zip(_WIDTHS[block], counts, strict=True):
            for k in range(count):
                blocks.append(_Block(block, channels_in, channels, 1 if k else 2, shortcut, se))
                channels_in = channels
        self.blocks = nn.ModuleList(blocks)
        self.out_channels = channels_in
        self.checkpointing = checkpointing
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out')
            elif isinstance(module, nn.BatchNorm2d):
                module.eps = norm_eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 112, 112) to (B, out_channels, 7, 7)."""
        x = self.stem(x)
        for block in self.blocks:
            if self.checkpointing and self.training:
                x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
            else:
                x = block(x)
        return x
