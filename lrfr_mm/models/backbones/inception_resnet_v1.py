"""FaceNet's network."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['InceptionResNetV1']


def _conv(channels_in: int, channels: int, kernel: int | tuple[int, int], stride: int = 1,
          padding: int | tuple[int, int] = 0) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels_in, channels, kernel, stride, padding, bias=False),
                         nn.BatchNorm2d(channels, eps=1e-3), nn.ReLU())


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2)


class _Parallel(nn.Module):
    """Branches side by side, their channels concatenated."""

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class _Residual(nn.Module):
    """``x + scale * project(branches(x))``, then a ReLU."""

    def __init__(self, channels: int, wide: int, scale: float, *branches: nn.Module,
                 activation: bool = True):
        super().__init__()
        self.scale = scale
        self.parallel = _Parallel(*branches)
        self.project = nn.Conv2d(wide, channels, 1)
        self.activation = nn.ReLU() if activation else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(x + self.scale * self.project(self.parallel(x)))


def _block_a(scale: float = .17) -> _Residual:
    return _Residual(
        256, 96, scale, _conv(256, 32, 1),
        nn.Sequential(_conv(256, 32, 1), _conv(32, 32, 3, padding=1)),
        nn.Sequential(_conv(256, 32, 1), _conv(32, 32, 3, padding=1), _conv(32, 32, 3, padding=1)))


def _block_b(scale: float = .1) -> _Residual:
    return _Residual(
        896, 256, scale, _conv(896, 128, 1),
        nn.Sequential(_conv(896, 128, 1), _conv(128, 128, (1, 7), padding=(0, 3)),
                      _conv(128, 128, (7, 1), padding=(3, 0))))


def _block_c(scale: float = .2, activation: bool = True) -> _Residual:
    return _Residual(
        1792, 384, scale, _conv(1792, 192, 1),
        nn.Sequential(_conv(1792, 192, 1), _conv(192, 192, (1, 3), padding=(0, 1)),
                      _conv(192, 192, (3, 1), padding=(1, 0))), activation=activation)


@MODELS.register_module()
class InceptionResNetV1(BaseModule):
    """Inception-ResNet-v1 (Szegedy et al., AAAI 2017) as FaceNet's projects have it.

    With ``PoolNeck(norm_eps=1e-3)`` it is facenet-pytorch's recognizer. It was trained on 160 px
    crops of a detector's box, wider than the five-point template: see docs/checkpoints.md.

    Args:
        init_cfg: mmengine's weight initialisation.

    Attributes:
        out_channels: 1792.
        out_size: 3, for 160 px faces.
    """

    out_channels, out_size = 1792, 3

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.stem = nn.Sequential(
            _conv(3, 32, 3, 2), _conv(32, 32, 3), _conv(32, 64, 3, padding=1), _pool(),
            _conv(64, 80, 1), _conv(80, 192, 3), _conv(192, 256, 3, 2))
        self.stage_a = nn.Sequential(*(_block_a() for _ in range(5)))
        self.reduce_a = _Parallel(
            _conv(256, 384, 3, 2),
            nn.Sequential(_conv(256, 192, 1), _conv(192, 192, 3, padding=1), _conv(192, 256, 3, 2)),
            _pool())
        self.stage_b = nn.Sequential(*(_block_b() for _ in range(10)))
        self.reduce_b = _Parallel(
            nn.Sequential(_conv(896, 256, 1), _conv(256, 384, 3, 2)),
            nn.Sequential(_conv(896, 256, 1), _conv(256, 256, 3, 2)),
            nn.Sequential(_conv(896, 256, 1), _conv(256, 256, 3, padding=1), _conv(256, 256, 3, 2)),
            _pool())
        self.stage_c = nn.Sequential(*(_block_c() for _ in range(5)),
                                     _block_c(scale=1., activation=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 160, 160) to (B, 1792, 3, 3); sides from 75 px are possible."""
        x = self.stage_a(self.stem(x))
        x = self.stage_b(self.reduce_a(x))
        return self.stage_c(self.reduce_b(x))
