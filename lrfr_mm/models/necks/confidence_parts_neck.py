"""An embedding in parts, each with a confidence."""
from __future__ import annotations

import math

import torch
from mmengine.model import BaseModule
from torch import nn
from torch.nn import functional as F

from lrfr_mm.models.build import build_part
from lrfr_mm.registry import MODELS

__all__ = ['ConfidencePartsNeck']


@MODELS.register_module()
class ConfidencePartsNeck(BaseModule):
    """Cuts an embedding into K parts and gives each the length s_k, its confidence (URL; Shi et
    al., CVPR 2020).

    The result is (s_1 u_1, ..., s_K u_K) with unit vectors u_k, so that the dot product of two
    faces divided by K is sum_k s_k s'_k cos_k / K, the paper's score. ``ConfidencePartsHead`` reads
    the confidences from it.

    Args:
        neck: Config of the neck that embeds; its embedding size must be a multiple of ``parts``.
        in_channels, in_size: Passed on to it.
        parts: K; the paper uses 16.
        scale: Confidence of every part before training.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, neck: dict, in_channels: int, in_size: int | None = None, parts: int = 16,
                 scale: float = 30., init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.neck = build_part(neck, in_channels=in_channels, in_size=in_size)
        self.embed_dim, self.parts = self.neck.embed_dim, parts
        if parts < 1 or self.embed_dim % parts:
            raise ValueError(f'an embedding of {self.embed_dim} numbers cannot be cut into {parts} '
                             'equal parts')
        self.confidence = nn.Sequential(nn.Linear(self.embed_dim, self.embed_dim // 2),
                                        nn.PReLU(self.embed_dim // 2),
                                        nn.Linear(self.embed_dim // 2, parts))
        nn.init.normal_(self.confidence[2].weight, std=.01)
        nn.init.constant_(self.confidence[2].bias, math.log(math.expm1(scale)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features as the inner neck takes them to (B, embed_dim); part k has length s_k."""
        f = self.neck(x)
        confidence = F.softplus(self.confidence(f))
        parts = F.normalize(f.unflatten(1, (self.parts, -1)), dim=2)
        return (confidence[:, :, None] * parts).flatten(1)
