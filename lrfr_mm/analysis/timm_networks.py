"""Which of timm's networks take face images, and how: one network of each of timm's modules."""
from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, fields

import timm
import torch

from lrfr_mm.models.backbones import TIMMBackbone
from lrfr_mm.models.backbones.unused import reachable_parameters

__all__ = ['NetworkCheck', 'check_modules', 'check_network', 'smallest_network']


@dataclass
class NetworkCheck:
    """What came of building and running one network.

    Attributes:
        module: timm's module.
        network: Name of the network.
        fit: ``fit`` of :class:`~lrfr_mm.models.backbones.TIMMBackbone`.
        size: Side in px that the network sees.
        output: 'map CxHxW' or 'pooled C'.
        removed: Number of removed modules.
        frozen: Number of frozen parameters.
        seconds: Building, and a forward pass of two images in training mode.
        error: Why it cannot be used; empty if it can.
    """

    module: str
    network: str
    fit: str = ''
    size: int = 0
    output: str = ''
    removed: int = 0
    frozen: int = 0
    seconds: float = 0.
    error: str = ''

    @classmethod
    def header(cls) -> list[str]:
        """Names of the columns."""
        return [field.name for field in fields(cls)]


# Parts of names by which timm's authors mark sizes, from small to large.
_SIZE_WORDS = ('test', 'zepto', 'atto', 'femto', 'pico', 'nano', 'xxs', 'xxtiny', 'ti', 't', 'tiny',
               'xs', 'mini', 'extra', 'small', 's', 't0', 'n0', 'm0', 'b0', 's0', 'l1', '050')


def _size_by_name(name: str) -> tuple[int, int, str]:
    words = name.split('_')
    ranks = [_SIZE_WORDS.index(word) for word in words if word in _SIZE_WORDS]
    return min(ranks, default=len(_SIZE_WORDS)), sum(map(int, re.findall(r'\d+', name))), name


def smallest_network(module: str, candidates: int = 6) -> str:
    """A small network of a timm module: the one with the fewest parameters among those whose names
    promise the smallest sizes.

    They are built without memory for their weights (torch's meta device), which takes about half a
    second each.

    Args:
        module: A name of ``timm.list_modules()``.
        candidates: Number of networks to compare.

    Raises:
        ValueError: If timm has no such module.
    """
    names = timm.list_models(module=module)
    if not names:
        raise ValueError(f'timm {timm.__version__} has no module {module!r}')
    names = sorted(names, key=_size_by_name)[:candidates]
    return min(names, key=lambda name: (_parameters(name), name))


def _parameters(name: str) -> float:
    try:
        with torch.device('meta'), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            net = timm.create_model(name, num_classes=0)
    except Exception:  # a network that computes with its weights while it is built
        return float('inf')
    return sum(p.numel() for p in net.parameters())


def check_network(name: str, input_size: int = 112) -> NetworkCheck:
    """Build ``name`` with ``out='auto'`` and run it on two images in training mode.

    Which parameters would get a gradient is read off the autograd graph, without a backward pass.

    Returns:
        The result; ``error`` says what failed, e.g. parameters that got no gradient.
    """
    start = time.perf_counter()
    result = NetworkCheck(_module_of(name), name)
    try:
        backbone = TIMMBackbone(name, out='auto', input_size=input_size).train()
        features = backbone(torch.randn(2, 3, input_size, input_size))
    except Exception as error:
        result.error = (str(error) or type(error).__name__).splitlines()[0]
    else:
        reached = reachable_parameters(features)
        without = [key for key, p in backbone.named_parameters()
                   if p.requires_grad and id(p) not in reached]
        if without:
            result.error = f'without gradient: {", ".join(without[:3])}'
        shape = 'x'.join(map(str, features.shape[1:]))
        result.fit, result.size = backbone.fit, backbone.network_size
        result.output = f'{backbone.out} {shape}'
        result.removed, result.frozen = len(backbone.removed), len(backbone.frozen)
    result.seconds = round(time.perf_counter() - start, 1)
    return result


def _module_of(name: str) -> str:
    if not timm.is_model(name):
        return ''
    return timm.model_entrypoint(name).__module__.rsplit('.', 1)[-1]


def check_modules(modules: Iterable[str] | None = None,
                  input_size: int = 112) -> Iterable[NetworkCheck]:
    """:func:`check_network` of the smallest network of each module, one after the other.

    Args:
        modules: Names of ``timm.list_modules()``; None for all of them.
        input_size: Side of the images, px.
    """
    for module in modules or timm.list_modules():
        yield check_network(smallest_network(module), input_size)
