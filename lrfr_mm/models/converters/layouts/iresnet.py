"""``conv1``, ``layer1`` to ``layer4``, ``fc``, ``features``: insightface's residual networks."""
from __future__ import annotations

import re
from functools import partial

from lrfr_mm.errors import InputError
from lrfr_mm.models.converters.layouts.base import (
    Architecture,
    Layout,
    channels_of,
    count_of,
    rename_by,
)

__all__ = ['IResNetLayout']

_NAMES = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 34, (3, 4, 14, 3): 50, (3, 13, 30, 3): 100,
          (3, 8, 36, 3): 152, (6, 26, 60, 6): 200}
# Places of a block's layers in our branch.
_BODY = {'bn1': 0, 'conv1': 1, 'bn2': 2, 'prelu': 3, 'conv2': 4, 'bn3': 5}
_RULES = (
    (r'conv1\.(.+)', r'backbone.stem.0.\1'),
    (r'bn1\.(.+)', r'backbone.stem.1.\1'),
    (r'prelu\.(.+)', r'backbone.stem.2.\1'),
    (r'bn2\.(.+)', r'neck.norm.\1'),
    (r'fc\.(.+)', r'neck.fc.\1'),
    (r'features\.(.+)', r'neck.out_norm.\1'),
)


class IResNetLayout(Layout):
    """r18 to r200, and other numbers of blocks.

    Args:
        norm_eps: Added to the variance by the project's batch norms.
    """

    anchors = ('layer1.0.prelu.weight', 'features.running_mean')
    modules = (r'conv1|bn[12]|prelu|fc|features|'
               r'layer[1-4]\.\d+\.(?:bn[123]|conv[12]|prelu|downsample\.[01])')

    def __init__(self, norm_eps: float = 1e-5):
        self.norm_eps = norm_eps

    def architecture(self, tensors, **options) -> Architecture:
        counts = tuple(count_of(tensors, rf'layer{stage}\.(\d+)\.') for stage in (1, 2, 3, 4))
        if 0 in counts:
            raise InputError(f'layer{counts.index(0) + 1} is missing')
        embed_dim, inputs = channels_of(tensors, 'fc.weight', 2)
        if inputs != 512 * 49:
            raise InputError(f'fc.weight has {inputs} inputs, expected {512 * 49} (512 channels, a '
                             '7x7 map, 112 px faces)')
        depth = _NAMES.get(counts, counts)
        backbone, neck = dict(type='IResNet', depth=depth), dict(
            type='EmbeddingNeck', embed_dim=embed_dim, dropout=0.)
        if self.norm_eps != 1e-5:
            backbone['norm_eps'] = neck['norm_eps'] = self.norm_eps
        return Architecture(backbone, neck, partial(_rename, counts), f'r{depth}')


def _rename(counts: tuple[int, ...], name: str) -> str | None:
    match = re.fullmatch(r'layer([1-4])\.(\d+)\.(\w+)\.(.+)', name)
    if not match:
        return rename_by(_RULES, name)
    stage, number, layer, rest = match.groups()
    block = f'backbone.blocks.{sum(counts[:int(stage) - 1]) + int(number)}'
    if layer == 'downsample':
        return f'{block}.shortcut.{rest}'
    return f'{block}.body.{_BODY[layer]}.{rest}' if layer in _BODY else None
