"""The paper's backbone."""
from __future__ import annotations

import torch
import torch.utils.checkpoint
from mmengine.model import BaseModule
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from lrfr_mm.registry import MODELS

__all__ = ['FaceResNet']

_DEPTHS = {18: (BasicBlock, [2, 2, 2, 2]), 34: (BasicBlock, [3, 4, 6, 3]),
           50: (Bottleneck, [3, 4, 6, 3]), 101: (Bottleneck, [3, 4, 23, 3])}


@MODELS.register_module()
class FaceResNet(BaseModule):
    """ResNet with a 3x3 stride-1 stem, up to its last map: 7x7 for 112 px faces (paper, section 4).

    Args:
        depth: 18, 34, 50 or 101.
        checkpointing: Recompute each block's activations in the backward pass: less memory, about
            a third more time.
        init_cfg: mmengine's weight initialisation.

    Raises:
        ValueError: For another depth.
    """

    def __init__(self, depth: int = 50, checkpointing: bool = False, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        if depth not in _DEPTHS:
            raise ValueError(f'FaceResNet has depths {sorted(_DEPTHS)}, got {depth}')
        block, layers = _DEPTHS[depth]
        net = ResNet(block, layers)
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), net.bn1, net.relu,
                                  net.maxpool)
        nn.init.kaiming_normal_(self.stem[0].weight, mode='fan_out', nonlinearity='relu')
        self.stages = nn.Sequential(net.layer1, net.layer2, net.layer3, net.layer4)
        self.out_channels = 512 * block.expansion
        self.out_size = 7
        self.checkpointing = checkpointing

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 112, 112) to (B, out_channels, 7, 7)."""
        x = self.stem(x)
        for stage in self.stages:
            for block in stage:
                if self.checkpointing and self.training:
                    x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
                else:
                    x = block(x)
        return x
