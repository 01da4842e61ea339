"""Low-rank adapters (LoRA; Hu et al., ICLR 2022) on any backbone, through the ``peft`` library."""
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.errors import InputError, MissingDependencyError
from lrfr_mm.models.build import build_part, checkpoint_config
from lrfr_mm.models.converters.reading import read_tensors
from lrfr_mm.registry import MODELS

__all__ = ['LoRABackbone', 'inject_lora']

_FINGERPRINT = 'base_fingerprint'


@MODELS.register_module()
class LoRABackbone(BaseModule):
    """A backbone that stays as it is, with low-rank adapters that are trained.

    Linear layers and convolutions get W + (alpha / rank) B A with A and B of ``rank``; B is zero at
    the start, so the network is the base network then. Only the adapters are trainable, and only
    they (and a fingerprint of the base's weights) are in the ``state_dict``: a checkpoint has a few
    MB. Batch norms of the base stay in evaluation mode.

    Example::

        backbone=dict(type='LoRABackbone', base=dict(type='IResNet', depth=50),
                      checkpoint='r50.pth', target=('conv',), rank=8)

    Args:
        base: Config of the backbone.
        checkpoint: Weights of ``base``: a checkpoint of a recognizer (its ``backbone.`` part) or of
            the backbone alone. None for a ``base`` that loads its own (``pretrained=True``).
        target: What gets adapters: kinds of layers, 'linear', 'conv' or both, or patterns, each the
            end of a module's name (``'attn.qkv'``). Depth-wise convolutions, whose groups leave no
            low rank, are skipped.
        rank: r.
        alpha: Scale of the adapters' sum; default ``rank``.
        dropout: Of the adapters' input, in training.

    Attributes:
        out_channels, out_size, takes_landmarks: As of ``base``.

    Raises:
        MissingDependencyError: Without ``peft``.
        InputError: If ``checkpoint`` does not have the tensors of ``base``; when adapters of
            another base network are loaded.
        ValueError: If no layer fits ``target``, or for a rank below 1.
    """

    def __init__(self, base: dict, checkpoint: str | None = None,
                 target: Sequence[str] = ('linear', 'conv'), rank: int = 8,
                 alpha: float | None = None, dropout: float = 0., init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.base = build_part(base if checkpoint is None else checkpoint_config(base))
        if checkpoint is not None:
            _load_base(self.base, str(checkpoint))
        self.fingerprint = _fingerprint(self.base)
        self.base.requires_grad_(False)
        inject_lora(self.base, target, rank, alpha, dropout)
        for name in ('out_channels', 'out_size', 'takes_landmarks', 'takes_view'):
            if hasattr(self.base, name):
                setattr(self, name, getattr(self.base, name))
        self._register_state_dict_hook(_keep_adapters)
        self.register_load_state_dict_pre_hook(_check_base)

    def train(self, mode: bool = True) -> LoRABackbone:
        super().train(mode)
        for module in self.base.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def init_weights(self) -> None:
        """Nothing: the base is loaded and the adapters are initialised by ``peft``."""

    def forward(self, x: torch.Tensor, **options) -> torch.Tensor:
        """As the base network's."""
        return self.base(x, **options)

    @torch.no_grad()
    def merged_state_dict(self) -> dict[str, torch.Tensor]:
        """Weights of the base network with the adapters added, under the base's own names."""
        plain = {}
        for name, value in self.base.state_dict().items():
            if '.lora_' not in name:
                plain[name.replace('.base_layer.', '.')] = value.clone()
        for name, module in self.base.named_modules():
            if hasattr(module, 'get_delta_weight'):
                plain[f'{name}.weight'] += module.get_delta_weight('default')
        return plain


def inject_lora(network: nn.Module, target: Sequence[str], rank: int, alpha: float | None,
                dropout: float, adapter: str = 'default') -> list[str]:
    """Put adapters into ``network`` in place, trainable, the rest frozen.

    Returns:
        Names of the layers that got one.

    Raises:
        MissingDependencyError: Without ``peft``.
        ValueError: If no layer fits ``target``, or for a rank below 1.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingDependencyError('LoRA needs `pip install peft`') from None
    if rank < 1:
        raise ValueError(f'rank must be at least 1, got {rank}')
    names = _targets(network, target)
    if not names:
        raise ValueError(f'no layer of {type(network).__name__} fits target={tuple(target)}: give '
                         "'linear', 'conv' or ends of its layers' names")
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=rank if alpha is None else alpha, lora_dropout=dropout,
                   target_modules=names), network, adapter)
    return names


def _targets(network: nn.Module, target: Sequence[str]) -> list[str]:
    kinds = dict(linear=nn.Linear, conv=nn.Conv2d)
    wanted = tuple(kinds[name] for name in target if name in kinds)
    ends = tuple(name for name in target if name not in kinds)
    found = []
    for name, module in network.named_modules():
        if not isinstance(module, (nn.Linear, nn.Conv2d)) or '.lora_' in f'.{name}':
            continue
        name = name.removesuffix('.base_layer')
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            continue
        if isinstance(module, wanted) or any(name == end or name.endswith(f'.{end}')
                                             for end in ends):
            found.append(name)
    return found


def _fingerprint(network: nn.Module) -> torch.Tensor:
    """16 bytes, uint8, that change with the names, shapes or values of the weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f'{name} {tuple(value.shape)}'.encode())
        digest.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return torch.frombuffer(bytearray(digest.digest()[:16]), dtype=torch.uint8)


def _load_base(base: nn.Module, checkpoint: str) -> None:
    saved = {name.removeprefix('state_dict.'): value
             for name, value in read_tensors(checkpoint).items()}
    of_backbone = {name.removeprefix('backbone.'): value for name, value in saved.items()
                   if name.startswith('backbone.')}
    saved = of_backbone or saved
    wanted = base.state_dict()
    for name, value in wanted.items():
        if name not in saved or saved[name].shape != value.shape:
            found = tuple(saved[name].shape) if name in saved else 'missing'
            raise InputError(f'{checkpoint} is not of this base network: {name} is {found}, '
                             f'{tuple(value.shape)} is needed')
    base.load_state_dict({name: saved[name] for name in wanted})


def _keep_adapters(module: LoRABackbone, state: dict, prefix: str, metadata) -> dict:
    for name in [name for name in state if name.startswith(f'{prefix}base.')
                 and '.lora_' not in name]:
        del state[name]
    state[prefix + _FINGERPRINT] = module.fingerprint
    return state


def _check_base(module: LoRABackbone, state: Mapping, prefix: str, metadata, strict, missing,
                unexpected, errors) -> None:
    """Refuse adapters of another base; the base's own weights count as loaded."""
    saved = state.pop(prefix + _FINGERPRINT, None)
    if saved is not None and not torch.equal(saved.cpu(), module.fingerprint):
        raise InputError('these adapters belong to another base network: the fingerprint of its '
                         f'weights is {bytes(saved.tolist()).hex()}, that of this base '
                         f'{bytes(module.fingerprint.tolist()).hex()}')
    own = nn.Module.state_dict(module.base)
    for name, value in own.items():
        if '.lora_' not in name:
            state.setdefault(f'{prefix}base.{name}', value)
