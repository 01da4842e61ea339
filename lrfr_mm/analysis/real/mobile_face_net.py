"""The public MobileFaceNet (TensorFlow.js) as a checkpoint of this package."""
from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from lrfr_mm.errors import InputError

__all__ = ['MODEL', 'convert_mobile_face_net']

# The network takes RGB, (x - 127.5) / 128.
MODEL = dict(
    type='LRFRecognizer',
    data_preprocessor=dict(type='FacePreprocessor', mean=127.5, std=128.),
    backbone=dict(type='FoldedMobileFaceNet'),
    neck=dict(type='FoldedGDCNeck', embed_dim=192))

_ROOT = 'MobileFaceNet/MobileFaceNet/'
_STAGE_BLOCKS = ((2, 5), (3, 1), (4, 6), (5, 1), (6, 2))  # number of the stage, blocks in it


def convert_mobile_face_net(tensors: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """State dict of ``MODEL`` from the tensors of ``mobilefacenet.json``.

    Two properties of that file matter. A PReLU is written as ``relu(x) + c (x - |x|)``, and the
    stored constant c is -1/2 of the slope. The graph fuses a ReLU into each depth-wise convolution
    that a PReLU follows, which the TFLite file of the same weights does not have; the network here
    has none.

    Args:
        tensors: Name to array, as ``read_tfjs`` gives them.

    Returns:
        Name to float32 tensor.

    Raises:
        InputError: If a tensor is missing, or one is left over.
    """
    state, used = {}, set()
    for target, source, kind in _layers():
        names = dict(bn_offset=f'{source}/{kind}_bn_offset', weights=f'{source}/{kind}_weights')
        missing = [name for name in names.values() if name not in tensors]
        if missing:
            raise InputError(f'not the MobileFaceNet that is known here: no tensor {missing[0]}')
        used.update(names.values())
        weight = np.transpose(tensors[names['weights']], (3, 2, 0, 1) if kind == 'Conv2D'
                              else (2, 3, 0, 1))
        if target == 'neck.fc':
            weight = weight[..., 0, 0]
        state[f'{target}.weight'] = torch.tensor(np.ascontiguousarray(weight))
        state[f'{target}.bias'] = torch.tensor(tensors[names['bn_offset']])
        if f'{source}/mul' in tensors:
            used.add(f'{source}/mul')
            prefix, _, index = target.rpartition('.')
            state[f'{prefix}.{int(index) + 1}.weight'] = torch.tensor(-2 * tensors[f'{source}/mul'])
    left = sorted(set(tensors) - used - {'embeddings/Sum/reduction_indices',
                                         'embeddings/Maximum/y'})
    if left:
        raise InputError(f'not the MobileFaceNet that is known here: {len(left)} tensors have no '
                         f'place, the first is {left[0]}')
    return state


def _layers() -> Iterator[tuple[str, str, str]]:
    """Name of each convolution in the recognizer, in the file, and its kind there."""
    yield 'backbone.layers.0.1', f'{_ROOT}Conv2d_0', 'Conv2D'
    yield 'backbone.layers.1.0', f'{_ROOT}SeparableConv2d', 'depthwise'
    yield 'backbone.layers.2.0', f'{_ROOT}Conv', 'Conv2D'
    position = 3
    for stage, count in _STAGE_BLOCKS:
        for k in range(count):
            layer = f'backbone.layers.{position}.body'
            block = f'{_ROOT}Conv2d_{stage}_InvResBlock_{k}'
            strided = k == 0 and stage in (2, 3, 5)
            yield f'{layer}.0.0', f'{block}/Conv', 'Conv2D'
            yield f'{layer}.1.{int(strided)}', f'{block}/SeparableConv2d', 'depthwise'
            yield f'{layer}.2.0', f'{block}/Conv_1', 'Conv2D'
            position += 1
    yield f'backbone.layers.{position}.0', f'{_ROOT}Conv2d_7', 'Conv2D'
    yield 'neck.gdc', 'MobileFaceNet/Logits/SeparableConv2d', 'depthwise'
    yield 'neck.conv', 'MobileFaceNet/Logits/Conv', 'Conv2D'
    yield 'neck.fc', 'MobileFaceNet/Logits/LinearConv1x1', 'Conv2D'
