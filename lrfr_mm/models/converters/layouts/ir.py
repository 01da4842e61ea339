"""``input_layer``, ``body``, ``output_layer``: AdaFace's and CVLFace's residual networks."""
from __future__ import annotations

from functools import partial

from lrfr_mm.errors import InputError
from lrfr_mm.models.converters.layouts.base import (
    Architecture,
    Layout,
    channels_of,
    count_of,
    rename_by,
)

__all__ = ['IRLayout']

_RULES = (
    (r'input_layer\.(.+)', r'backbone.stem.\1'),
    (r'body\.(\d+)\.shortcut_layer\.(.+)', r'backbone.blocks.\1.shortcut.\2'),
    (r'body\.(\d+)\.res_layer\.(\d.+)', r'backbone.blocks.\1.body.\2'),
    (r'output_layer\.0\.(.+)', r'neck.norm.\1'),
    (r'output_layer\.3\.(.+)', r'neck.fc.\1'),
    (r'output_layer\.4\.(.+)', r'neck.out_norm.\1'),
)
# Position of the squeeze in our branch, by block.
_SE_POSITION = {'basic': 6, 'bottleneck': 9}
# Stages by their widths; 100 is the project's 'ir_101'.
_NAMES = {(2, 2, 2, 2): 18, (3, 4, 6, 3): 34, (3, 4, 14, 3): 50, (3, 13, 30, 3): 101,
          (3, 8, 36, 3): 152, (3, 24, 36, 3): 200}


class IRLayout(Layout):
    """ir_18 to ir_200 and ir_se_50 to ir_se_200.

    The first block of a stage without a change of channels has no shortcut tensors: it subsamples.
    """

    anchors = ('input_layer.0.weight', 'body.0.res_layer.1.weight')
    modules = (r'input_layer\.\d|output_layer\.\d|body\.\d+\.shortcut_layer\.[01]|'
               r'body\.\d+\.res_layer\.(?:\d|se_block\.fc[12])')

    def architecture(self, tensors, **options) -> Architecture:
        blocks = count_of(tensors, r'body\.(\d+)\.')
        bottleneck = 'body.0.res_layer.7.weight' in tensors
        block = 'bottleneck' if bottleneck else 'basic'
        if 'body.0.res_layer.2.running_mean' not in tensors:
            raise InputError('body.0.res_layer.2 is no batch norm: it is the layout of face.evoLVe '
                             'and InsightFace_Pytorch, whose branches have none between their '
                             'convolutions')
        last = 'body.{}.res_layer.' + ('7.weight' if bottleneck else '4.weight')
        widths = [channels_of(tensors, last.format(k), 4)[0] for k in range(blocks)]
        stages = sorted(set(widths))
        counts = tuple(widths.count(width) for width in stages)
        expected = [256, 512, 1024, 2048] if bottleneck else [64, 128, 256, 512]
        if widths != sorted(widths) or stages != expected:
            raise InputError(f'the blocks have {stages} channels, expected {expected}')
        se = 'body.0.res_layer.se_block.fc1.weight' in tensors
        embed_dim, inputs = channels_of(tensors, 'output_layer.3.weight', 2)
        if inputs != expected[-1] * 49:
            raise InputError(f'output_layer.3.weight has {inputs} inputs, expected '
                             f'{expected[-1] * 49} (a 7x7 map, 112 px faces)')
        shortcut = ('conv' if not bottleneck and 'body.0.shortcut_layer.0.weight' in tensors
                    else 'subsample')
        depth = _NAMES.get(counts, counts)
        backbone = dict(type='IResNet', depth=depth, shortcut=shortcut)
        if bottleneck:
            backbone['block'] = block
        if se:
            backbone['se'] = True
        neck = dict(type='EmbeddingNeck', embed_dim=embed_dim,
                    out_affine='output_layer.4.weight' in tensors)
        rules = ((r'body\.(\d+)\.res_layer\.se_block\.(.+)',
                  rf'backbone.blocks.\1.body.{_SE_POSITION[block]}.\2'), *_RULES)
        return Architecture(backbone, neck, partial(rename_by, rules),
                            f'ir_{"se_" if se else ""}{depth}')
