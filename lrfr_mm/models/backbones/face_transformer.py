"""Face Transformer: a ViT whose patches overlap."""
from __future__ import annotations

from functools import partial

import torch
from mmengine.model import BaseModule
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['FaceTransformer', 'OverlappingPatches']


class OverlappingPatches(nn.Module):
    """Patches of ``window`` px at a stride of ``patch_size`` px, each mapped to one token.

    The image is padded so that there are as many patches as without overlap. The signature is that
    of timm's patch embeddings.

    Args:
        img_size, patch_size: Side of the image and stride of the patches, px.
        in_chans, embed_dim: Channels of the image and size of a token.
        window: Side of a patch, px.
        bias: Add a bias to the tokens.
    """

    def __init__(self, img_size: int, patch_size: int, in_chans: int, embed_dim: int, window: int,
                 bias: bool = True, **_):
        super().__init__()
        side = img_size // patch_size
        self.grid_size, self.num_patches = (side, side), side * side
        padding = -(-(window - patch_size) // 2)
        self.proj = nn.Conv2d(in_chans, embed_dim, window, patch_size, padding, bias=bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to tokens (B, N, embed_dim)."""
        return self.proj(images).flatten(2).transpose(1, 2)


@MODELS.register_module()
class FaceTransformer(BaseModule):
    """ViT-P12S8: patches of 12 px at a stride of 8 px, the class token as feature (Face
    Transformer; Zhong and Deng, 2021). ``patch_size=8`` is ViT-P8S8.

    Deviation: timm's transformer blocks (pre-norm, GELU) with its initialisation.

    Args:
        patch_size: Side of a patch, px, at least ``stride``.
        stride: Distance of patches, px.
        embed_dim, depth, num_heads, mlp_ratio: Size of the transformer; the defaults are the
            paper's 512, 20, 8 and 4.
        input_size: Side of the images, px, a multiple of ``stride``.
        drop_path: Probability of a block to be skipped in training, rising to it linearly.
        init_cfg: mmengine's weight initialisation.

    Attributes:
        out_channels: ``embed_dim``.
        out_size: None, as the output is a vector.

    Raises:
        ValueError: If the patches do not cover the image, or do not fill it evenly.
    """

    out_size = None

    def __init__(self, patch_size: int = 12, stride: int = 8, embed_dim: int = 512,
                 depth: int = 20, num_heads: int = 8, mlp_ratio: float = 4., input_size: int = 112,
                 drop_path: float = 0., init_cfg: dict | None = None):
        super().__init__(init_cfg)
        if patch_size < stride or (patch_size - stride) % 2:
            raise ValueError('patch_size must exceed stride by an even number of px, got '
                             f'{patch_size} and {stride}')
        if input_size % stride:
            raise ValueError(f'input_size {input_size} is not a multiple of stride {stride}')
        self.input_size, self.out_channels = input_size, embed_dim
        self.net = VisionTransformer(
            img_size=input_size, patch_size=stride, embed_dim=embed_dim, depth=depth,
            num_heads=num_heads, mlp_ratio=mlp_ratio, num_classes=0, global_pool='token',
            drop_path_rate=drop_path, embed_layer=partial(OverlappingPatches, window=patch_size))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to the class token, (B, embed_dim)."""
        if images.shape[-2:] != (self.input_size, self.input_size):
            raise ValueError(f'FaceTransformer was built for {self.input_size} px, got '
                             f'{tuple(images.shape[-2:])}')
        return self.net(images)
