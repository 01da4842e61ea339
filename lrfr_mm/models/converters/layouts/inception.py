"""``conv2d_1a``, ``repeat_1``, ``mixed_6a``: facenet-pytorch's Inception-ResNet-v1."""
from __future__ import annotations

import re

from lrfr_mm.models.converters.layouts.base import Architecture, Layout, channels_of, rename_by

__all__ = ['InceptionLayout']

_STEM = {'1a': 0, '2a': 1, '2b': 2, '3b': 4, '4a': 5, '4b': 6}
_STAGES = {'repeat_1': 'stage_a', 'repeat_2': 'stage_b', 'repeat_3': 'stage_c'}
_RULES = (
    (r'block8\.(.+)', r'stage_c.5.\1'),
    (r'mixed_6a\.branch(.+)', r'reduce_a.branches.\1'),
    (r'mixed_7a\.branch(.+)', r'reduce_b.branches.\1'),
)


class InceptionLayout(Layout):
    """One size only; faces of 160 px."""

    anchors = ('repeat_1.0.branch0.conv.weight', 'last_linear.weight')
    modules = (r'last_linear|last_bn|conv2d_\w\w\.(?:conv|bn)|'
               r'(?:repeat_\d\.\d+|block8|mixed_\w\w)\.(?:conv2d|branch\d(?:\.\d)?\.(?:conv|bn))')

    def architecture(self, tensors, **options) -> Architecture:
        neck = dict(type='PoolNeck', norm_eps=1e-3, dropout=.6,
                    embed_dim=channels_of(tensors, 'last_linear.weight', 2)[0])
        return Architecture(dict(type='InceptionResNetV1'), neck, _rename, 'Inception-ResNet-v1',
                            size=160)


def _rename(name: str) -> str | None:
    last = re.fullmatch(r'last_(linear|bn)\.(.+)', name)
    if last:
        return f'neck.{"fc" if last[1] == "linear" else "out_norm"}.{last[2]}'
    stem = re.fullmatch(r'conv2d_(\w\w)\.(.+)', name)
    if stem and stem[1] in _STEM:
        ours = f'stem.{_STEM[stem[1]]}.{stem[2]}'
    else:
        stage, _, rest = name.partition('.')
        ours = f'{_STAGES[stage]}.{rest}' if stage in _STAGES else rename_by(_RULES, name)
    if ours is None:
        return None
    ours = re.sub(r'(stage_\w\.\d+)\.branch(\d)', r'\1.parallel.branches.\2', ours)
    ours = re.sub(r'(stage_\w\.\d+)\.conv2d\.', r'\1.project.', ours)
    ours = re.sub(r'\.conv\.(\w+)$', r'.0.\1', ours)
    return 'backbone.' + re.sub(r'\.bn\.(\w+)$', r'.1.\1', ours)
