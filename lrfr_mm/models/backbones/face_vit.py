"""The vision transformers that face recognition uses, with KeyPoint RPE."""
from __future__ import annotations

import math

import torch
import torch.utils.checkpoint
from mmengine.model import BaseModule
from timm.layers import DropPath, Mlp, PatchEmbed
from torch import nn
from torch.nn import functional as F

from lrfr_mm.ops.align import TEMPLATE
from lrfr_mm.registry import MODELS

__all__ = ['FaceViT', 'product_buckets']

_RATIO = 1.9  # of KP-RPE's published networks


def product_buckets(side: int, ratio: float = _RATIO) -> tuple[torch.Tensor, int]:
    """Bucket of each pair of patches by their row and column distance (iRPE, ICCV 2021, eq. 15-18).

    A distance x of up to alpha keeps a value of its own; beyond, values grow with the logarithm:
    ``sign(x) * min(beta, round(alpha + ln(|x| / alpha) / ln(gamma / alpha) * (beta - alpha)))``
    with (alpha, beta, gamma) = (1, 2, 8) * ratio. Rows and columns give a pair of values, the
    'product' method.

    Args:
        side: Patches a row.
        ratio: See above.

    Returns:
        int64 (side^2, side^2), [query, key]; and the number of buckets, (2 floor(beta) + 1)^2.
    """
    alpha, beta, gamma = ratio, 2 * ratio, 8 * ratio
    limit = int(beta)
    distance = torch.arange(side)[:, None] - torch.arange(side)[None, :]
    size = distance.abs().double()
    far = alpha + torch.log((size / alpha).clamp_min(1)) / math.log(gamma / alpha) * (beta - alpha)
    value = torch.where(size <= alpha, size, far.round().clamp_max(beta)).long()
    value = value * distance.sign() + limit  # 0 to 2 * limit
    row, column = value[:, None, :, None], value[None, :, None, :]
    buckets = row * (2 * limit + 1) + column
    return buckets.reshape(side ** 2, side ** 2), (2 * limit + 1) ** 2


class _Attention(nn.Module):
    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """(B, N, C); ``bias`` (B, heads, N, N) is added to the scaled products."""
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(x.transpose(1, 2).reshape(batch, tokens, dim))


class _Block(nn.Module):
    def __init__(self, dim: int, num_heads: int, mlp_ratio: float, drop_path: float):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = _Attention(dim, num_heads)
        self.mlp = Mlp(dim, round(dim * mlp_ratio), act_layer=nn.ReLU6)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x), bias))
        return x + self.drop_path(self.mlp(self.norm2(x)))


@MODELS.register_module()
class FaceViT(BaseModule):
    """ViT of CVLFace and arcface_torch: no class token, ReLU6, every token kept for the neck.

    With ``TokenNeck`` and ``keypoint_bias=True`` it is KP-RPE (Kim et al., CVPR 2024): one linear
    layer takes the offsets of each patch centre from the five landmarks to a bias for each layer,
    head and bucket of distances (:func:`product_buckets`), which is added to the attention.

    Args:
        embed_dim: Width C of the tokens.
        depth: Blocks.
        num_heads: Heads of each attention.
        mlp_ratio: Width of the MLP over C.
        patch_size: Side of a patch, px.
        img_size: Side of the faces, px; pixels beyond the last whole patch are not seen.
        keypoint_bias: KP-RPE.
        drop_path: Stochastic depth of the last block; it grows from 0 in the first.
        checkpointing: Recompute each block's activations in the backward pass.
        init_cfg: mmengine's weight initialisation.

    Attributes:
        takes_landmarks: Whether :meth:`forward` uses landmarks.
        out_channels: C.
        out_size: Patches a row.

    Raises:
        ValueError: If C is not a multiple of ``num_heads``.
    """

    def __init__(self, embed_dim: int = 512, depth: int = 12, num_heads: int = 8,
                 mlp_ratio: float = 5., patch_size: int = 8, img_size: int = 112,
                 keypoint_bias: bool = False, drop_path: float = 0., checkpointing: bool = False,
                 init_cfg=None):
        super().__init__(init_cfg)
        if embed_dim % num_heads:
            raise ValueError(f'embed_dim {embed_dim} is not a multiple of num_heads {num_heads}')
        self.out_channels, self.out_size = embed_dim, img_size // patch_size
        self.img_size, self.takes_landmarks = img_size, keypoint_bias
        self.checkpointing = checkpointing
        self.patch_embed = PatchEmbed(img_size, patch_size, embed_dim=embed_dim)
        self.pos_embed = nn.Parameter(torch.empty(1, self.out_size ** 2, embed_dim))
        self.blocks = nn.ModuleList(
            _Block(embed_dim, num_heads, mlp_ratio, drop_path * k / max(1, depth - 1))
            for k in range(depth))
        self.norm = nn.LayerNorm(embed_dim)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.pos_embed, std=.02)
        if keypoint_bias:
            buckets, self.num_buckets = product_buckets(self.out_size)
            self.register_buffer('buckets', buckets, persistent=False)
            self.register_buffer('template', torch.from_numpy(TEMPLATE / 112).float(),
                                 persistent=False)
            self.keypoint_linear = nn.Linear(10, self.num_buckets * num_heads * depth)
            nn.init.zeros_(self.keypoint_linear.weight)  # a plain ViT in the beginning
            nn.init.zeros_(self.keypoint_linear.bias)

    def forward(self, x: torch.Tensor, landmarks: torch.Tensor | None = None) -> torch.Tensor:
        """(B, 3, img_size, img_size) to (B, C, out_size, out_size).

        Args:
            x: Normalised faces.
            landmarks: (B, 5, 2): eyes, nose tip, mouth corners; x and y in px of ``x``. None for
                the template's. Not used without ``keypoint_bias``.
        """
        x = self.patch_embed(x) + self.pos_embed
        biases = [None] * len(self.blocks)
        if self.takes_landmarks:
            biases = self._keypoint_biases(landmarks, x)
        for block, bias in zip(self.blocks, biases, strict=True):
            if bias is not None:
                heads = bias.shape[1]
                bias = bias.gather(3, self.buckets.expand(len(x), heads, -1, -1))
            if self.checkpointing and self.training:
                x = torch.utils.checkpoint.checkpoint(block, x, bias, use_reentrant=False)
            else:
                x = block(x, bias)
        return self.norm(x).transpose(1, 2).unflatten(2, (self.out_size, self.out_size))

    def _keypoint_biases(self, landmarks: torch.Tensor | None, tokens: torch.Tensor):
        """Of each block, the bias (B, heads, N, buckets) of every patch for each bucket."""
        if landmarks is None:
            points = self.template.expand(len(tokens), -1, -1)
        else:
            points = landmarks / self.img_size
        points = points.to(tokens)
        centres = (torch.arange(self.out_size).to(tokens) + .5) / self.out_size
        y, x = torch.meshgrid(centres, centres, indexing='ij')
        patches = torch.stack([x, y], -1).reshape(1, -1, 1, 2)
        offsets = (patches - points[:, None]).flatten(2)  # (B, N, 10)
        table = self.keypoint_linear(offsets).unflatten(2, (len(self.blocks), -1, self.num_buckets))
        return table.permute(2, 0, 3, 1, 4).unbind(0)
