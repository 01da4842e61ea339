"""Any timm network as a backbone."""
from __future__ import annotations

import timm
import torch
from mmengine.model import BaseModule
from timm.models import get_pretrained_cfg
from torch import nn

from lrfr_mm.registry import MODELS

__all__ = ['TIMMBackbone']


@MODELS.register_module()
class TIMMBackbone(BaseModule):
    """A timm network without its classifier; its last map as (B, C, h, w), whatever its own layout.

    Networks made for 224 px have a stride of 32 and give 112 px faces a 4x4 map; ``stem_stride=1``
    (2 for a ConvNeXt, whose stem has 4) brings it to 7x7. A ViT reaches it by ``patch_size=16``
    (7x7 tokens) or ``patch_size=8`` (14x14).

    Args:
        model_name: A name of ``timm.list_models()``.
        pretrained: Load timm's ImageNet weights (needs the network or timm's cache).
        out: 'map' for (B, C, h, w); 'pooled' for timm's own pooling and pre-classifier
            layers, (B, C).
        stem_stride: New stride of the first convolution that has one above 1.
        input_size: Side of the images, px.
        checkpointing: Recompute activations in the backward pass, where the network knows how.
        **timm_kwargs: Passed on to ``timm.create_model``.

    Attributes:
        out_channels: C.
        out_size: h = w, or None for 'pooled'.

    Raises:
        ValueError: For an unknown network, or one that cannot take images of this size.
    """

    def __init__(self, model_name: str, pretrained: bool = False, out: str = 'map',
                 stem_stride: int | None = None, input_size: int = 112,
                 checkpointing: bool = False, **timm_kwargs):
        super().__init__()
        if out not in ('map', 'pooled'):
            raise ValueError(f"out must be 'map' or 'pooled', got {out!r}")
        if not timm.is_model(model_name):
            near = timm.list_models(f'*{model_name.split("_")[0]}*')[:5]
            raise ValueError(f'timm {timm.__version__} has no network {model_name!r}'
                             + (f'; it has {", ".join(near)}, ...' if near else ''))
        self.model_name, self.out, self.input_size = model_name, out, input_size
        cfg = get_pretrained_cfg(model_name)
        if cfg is not None and cfg.fixed_input_size:
            timm_kwargs.setdefault('img_size', input_size)
        try:
            self.net = timm.create_model(model_name, pretrained=pretrained, num_classes=0,
                                         **timm_kwargs)
            if stem_stride is not None:
                _set_stem_stride(self.net, stem_stride)
            if checkpointing:
                self.net.set_grad_checkpointing(True)
            shape = self._probe()
        except (RuntimeError, AssertionError, TypeError, ValueError, AttributeError) as error:
            text = str(error) or type(error).__name__
            raise ValueError(f'timm network {model_name!r} cannot be used with {input_size}x'
                             f'{input_size} images and these options: {text.splitlines()[0]}'
                             ) from error
        self.out_channels = shape[1]
        self.out_size = shape[2] if out == 'map' else None

    @torch.no_grad()
    def _probe(self) -> torch.Size:
        """Run one blank image, learn the layout and check it; returns the output's shape."""
        training = self.net.training
        self.net.eval()
        blank = torch.zeros(1, 3, self.input_size, self.input_size)
        features = self.net.forward_features(blank)
        if not isinstance(features, torch.Tensor):
            raise ValueError('its features are not one map')
        channels = getattr(self.net, 'num_features', None)
        if features.dim() == 4:
            self.layout = 'NHWC' if (features.shape[3] == channels
                                     and features.shape[1] != channels) else 'NCHW'
        elif features.dim() == 3:
            self.layout = 'tokens'
            self.num_prefix_tokens = getattr(self.net, 'num_prefix_tokens', 0)
            tokens = features.shape[1] - self.num_prefix_tokens
            self.grid = getattr(getattr(self.net, 'patch_embed', None), 'grid_size', None)
            if self.grid is None or self.grid[0] * self.grid[1] != tokens:
                side = round(tokens ** .5)
                self.grid = (side, side)
            if self.grid[0] * self.grid[1] != tokens:
                raise ValueError(f'its {tokens} tokens are not a square map')
        else:
            raise ValueError(f'its features have shape {tuple(features.shape)}')
        shape = self(blank).shape
        if self.out == 'map' and shape[2] != shape[3]:
            raise ValueError(f'its map {tuple(shape[2:])} is not square')
        self.net.train(training)
        return shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) to (B, C, h, w), or (B, C) with ``out='pooled'``."""
        features = self.net.forward_features(x)
        if self.out == 'pooled':
            return self.net.forward_head(features, pre_logits=True)
        if self.layout == 'NHWC':
            return features.permute(0, 3, 1, 2)
        if self.layout == 'tokens':
            features = features[:, self.num_prefix_tokens:]
            return features.transpose(1, 2).reshape(len(x), -1, *self.grid)
        return features


def _set_stem_stride(net: nn.Module, stride: int) -> None:
    strided = [(name, module) for name, module in net.named_modules()
               if isinstance(module, nn.Conv2d) and max(module.stride) > 1]
    if not strided:
        raise ValueError('it has no convolution with a stride to change')
    name, first = strided[0]
    if 'patch_embed' in name and not hasattr(net, 'stages') and hasattr(net, 'blocks'):
        raise ValueError('it cuts the image into patches: set patch_size, not stem_stride')
    # A re-parameterised stem has parallel branches: all that see the image change together.
    branches = [m for _, m in strided if m.in_channels == 3] if first.in_channels == 3 else [first]
    for module in branches:
        module.stride = (stride, stride)
        if not isinstance(module.padding, str):
            module.padding = tuple((k - stride + 1) // 2 for k in module.kernel_size)
