"""Any timm network as a backbone."""
from __future__ import annotations

import timm
import torch
from mmengine.model import BaseModule
from timm.models import get_pretrained_cfg
from torch import nn
from torch.nn import functional as F

from lrfr_mm.models.backbones.unused import remove_unused
from lrfr_mm.registry import MODELS

__all__ = ['TIMMBackbone']

# What timm's networks raise for an input size or an argument that they cannot take.
_REFUSALS = (RuntimeError, AssertionError, TypeError, ValueError, AttributeError, IndexError,
             KeyError, ZeroDivisionError)


@MODELS.register_module()
class TIMMBackbone(BaseModule):
    """A timm network without its classifier; its last map as (B, C, h, w), whatever its own layout.

    Networks made for 224 px have a stride of 32 and give 112 px faces a 4x4 map; ``stem_stride=1``
    (2 for a ConvNeXt, whose stem has 4) brings it to 7x7. A ViT reaches it by ``patch_size=16``
    (7x7 tokens) or ``patch_size=8`` (14x14).

    A network with a fixed input size is built for ``input_size`` by timm's ``img_size``. One that
    cannot take ``input_size`` gets the face enlarged, to the smallest of 128 px and its own size
    that it takes. What was chosen is in ``fit``, ``network_size`` and ``out``.

    Parts of the network that do not influence the output are removed (``removed``) or, where the
    network's own code runs them, frozen (``frozen``): no weight is left without a gradient.

    Args:
        model_name: A name of ``timm.list_models()``.
        pretrained: Whether :meth:`init_weights`, which mmengine's Runner calls before training,
            loads timm's ImageNet weights (from the hub or timm's cache). Building the network
            does not.
        out: 'map' for (B, C, h, w); 'pooled' for timm's own pooling and pre-classifier layers,
            (B, C); 'auto' for a map where the network has one, else pooled.
        stem_stride: New stride of the first convolution that has one above 1.
        input_size: Side of the images, px.
        resize: Side in px to which images are resized (bicubically) before the network; 'auto' to
            do so only where the network cannot take ``input_size``; None never to.
        checkpointing: Recompute activations in the backward pass, where the network knows how.
        init_cfg: mmengine's weight initialisation; applied after the pretrained weights.
        **timm_kwargs: Passed on to ``timm.create_model``.

    Attributes:
        out_channels: C.
        out_size: h = w, or None for pooled features.
        fit: 'native' if the network takes ``input_size`` as it is, 'img_size' if it was built for
            it, 'resize' if images are resized to ``network_size``.
        pretrained_mean, pretrained_std: Three numbers of 0 to 255 (R, G, B) that the pretrained
            weights were trained with; None where timm does not know them.

    Raises:
        ValueError: For an unknown network, or one that cannot be used with these arguments.
    """

    def __init__(self, model_name: str, pretrained: bool = False, out: str = 'map',
                 stem_stride: int | None = None, input_size: int = 112,
                 resize: int | str | None = 'auto', checkpointing: bool = False,
                 init_cfg: dict | None = None, **timm_kwargs):
        super().__init__(init_cfg)
        if out not in ('map', 'pooled', 'auto'):
            raise ValueError(f"out must be 'map', 'pooled' or 'auto', got {out!r}")
        if resize not in ('auto', None) and (not isinstance(resize, int) or resize < 1):
            raise ValueError(f"resize must be a size in px, 'auto' or None, got {resize!r}")
        if not timm.is_model(model_name):
            near = timm.list_models(f'*{model_name.split("_")[0]}*')[:5]
            raise ValueError(f'timm {timm.__version__} has no network {model_name!r}'
                             + (f'; it has {", ".join(near)}, ...' if near else ''))
        self.model_name, self.input_size, self.pretrained = model_name, input_size, pretrained
        self.stem_stride, self.timm_kwargs = stem_stride, timm_kwargs
        self._kwargs: dict | None = None  # with which ``net`` was built
        self._build(('map', 'pooled') if out == 'auto' else (out,), resize)
        training = self.net.training
        self.net.eval()
        self.removed, self.frozen = remove_unused(self.net, lambda: self(self._blank()))
        self.net.train(training)
        self.net.is_init = True  # a ViT's own init_weights would draw new weights
        if checkpointing:
            try:
                self.net.set_grad_checkpointing(True)
            except _REFUSALS as error:
                raise ValueError(f'timm network {model_name!r} has no checkpointing') from error

    @property
    def pretrained_mean(self) -> tuple[float, float, float] | None:
        return _of_255(self.net.pretrained_cfg.get('mean'))

    @property
    def pretrained_std(self) -> tuple[float, float, float] | None:
        return _of_255(self.net.pretrained_cfg.get('std'))

    # -- building ------------------------------------------------------------------------------
    def _build(self, outs: tuple[str, ...], resize: int | str | None) -> None:
        """Set ``net`` and what is known of it, for the first way that works."""
        cfg = get_pretrained_cfg(self.model_name)
        sizes = [self.input_size if resize in ('auto', None) else resize]
        if resize == 'auto' and cfg is not None:
            sizes += sorted({128, max(cfg.input_size[1:])} - {self.input_size})
        refusal = None
        for out in outs:
            for size in sizes:
                try:
                    self._try(out, size, cfg is not None and cfg.fixed_input_size)
                    return
                except _REFUSALS as error:
                    refusal = refusal or error
        text = (str(refusal) or type(refusal).__name__).splitlines()[0]
        raise ValueError(f'timm network {self.model_name!r} cannot be used with {self.input_size}x'
                         f'{self.input_size} images and these options: {text}') from refusal

    def _try(self, out: str, size: int, fixed: bool) -> None:
        kwargs = dict(self.timm_kwargs)
        if fixed:
            kwargs.setdefault('img_size', size)
        if kwargs != self._kwargs:  # else the network of the last attempt sees another size
            self.net = timm.create_model(self.model_name, pretrained=False, num_classes=0, **kwargs)
            if self.stem_stride is not None:
                _set_stem_stride(self.net, self.stem_stride)
            self._kwargs = kwargs
        self.out, self.network_size = out, size
        self.fit = ('resize' if size != self.input_size else 'img_size' if 'img_size' in kwargs
                    else 'native')
        shape = self._probe()
        self.out_channels = shape[1]
        self.out_size = shape[2] if out == 'map' else None

    def _blank(self) -> torch.Tensor:
        return torch.zeros(1, 3, self.input_size, self.input_size)

    @torch.no_grad()
    def _probe(self) -> torch.Size:
        """Run one blank image, learn the layout and check it; returns the output's shape."""
        training = self.net.training
        self.net.eval()
        if self.out == 'map':
            self._learn_layout(self.net.forward_features(self._resized(self._blank())))
        shape = self(self._blank()).shape
        if len(shape) != (4 if self.out == 'map' else 2):
            raise ValueError(f'its output has shape {tuple(shape)}')
        if self.out == 'map' and shape[2] != shape[3]:
            raise ValueError(f'its map {tuple(shape[2:])} is not square')
        self.net.train(training)
        return shape

    def _learn_layout(self, features) -> None:
        if not isinstance(features, torch.Tensor):
            raise ValueError("its features are not one map: out='pooled' may do")
        channels = getattr(self.net, 'num_features', None)
        if features.dim() == 4:
            self.layout = 'NHWC' if (features.shape[3] == channels
                                     and features.shape[1] != channels) else 'NCHW'
        elif features.dim() == 3:
            self.layout = 'tokens'
            # VOLO has a class token, but does not count it.
            self.num_prefix_tokens = getattr(self.net, 'num_prefix_tokens',
                                             int(hasattr(self.net, 'cls_token')))
            tokens = features.shape[1] - self.num_prefix_tokens
            self.grid = getattr(getattr(self.net, 'patch_embed', None), 'grid_size', None)
            if self.grid is None or self.grid[0] * self.grid[1] != tokens:
                side = round(tokens ** .5)
                self.grid = (side, side)
            if self.grid[0] * self.grid[1] != tokens:
                raise ValueError(f'its {tokens} tokens are not a square map')
        else:
            raise ValueError(f'its features have shape {tuple(features.shape)}')

    # -- use -----------------------------------------------------------------------------------
    def init_weights(self) -> None:
        """Load the pretrained weights if ``pretrained`` was set, then apply ``init_cfg``; once."""
        if self.pretrained and not self.is_init:
            donor = timm.create_model(self.model_name, pretrained=True, num_classes=0,
                                      **self._kwargs).state_dict()
            own = self.net.state_dict()
            self.net.load_state_dict({name: donor[name] for name in own})
        super().init_weights()

    def _resized(self, x: torch.Tensor) -> torch.Tensor:
        if self.fit != 'resize':
            return x
        return F.interpolate(x, (self.network_size, self.network_size), mode='bicubic',
                             antialias=True)  # Pillow's kernel, whether it shrinks or enlarges

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, input_size, input_size) to (B, C, h, w), or (B, C) of pooled features."""
        features = self.net.forward_features(self._resized(x))
        if self.out == 'pooled':
            return self.net.forward_head(features, pre_logits=True)
        if self.layout == 'NHWC':
            return features.permute(0, 3, 1, 2)
        if self.layout == 'tokens':
            features = features[:, self.num_prefix_tokens:]
            return features.transpose(1, 2).reshape(len(x), -1, *self.grid)
        return features


def _of_255(fractions) -> tuple[float, float, float] | None:
    return None if fractions is None else tuple(255 * value for value in fractions)


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
