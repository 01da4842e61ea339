"""Layouts of public checkpoints with small numbers of blocks and random values."""
import numpy as np
import torch


def _norm(tensors, name, channels, affine=True):
    if affine:
        tensors[f'{name}.weight'] = 1 + .1 * torch.randn(channels)
        tensors[f'{name}.bias'] = .1 * torch.randn(channels)
    tensors[f'{name}.running_mean'] = .1 * torch.randn(channels)
    tensors[f'{name}.running_var'] = 1 + .2 * torch.rand(channels)
    tensors[f'{name}.num_batches_tracked'] = torch.tensor(1)


def _conv(tensors, name, *shape):
    tensors[f'{name}.weight'] = torch.randn(shape) * (1.5 / np.prod(shape[1:])) ** .5


def ir_tensors(counts=(2, 2, 2, 2), se=False, bottleneck=False, affine=False):
    """``input_layer``, ``body``, ``output_layer`` of AdaFace and CVLFace."""
    t = {}
    _conv(t, 'input_layer.0', 64, 3, 3, 3)
    _norm(t, 'input_layer.1', 64)
    t['input_layer.2.weight'] = .25 + .05 * torch.randn(64)
    before, block = 64, 0
    for width, count in zip((256, 512, 1024, 2048) if bottleneck else (64, 128, 256, 512), counts,
                            strict=True):
        for _ in range(count):
            body = f'body.{block}.res_layer'
            _norm(t, f'{body}.0', before)
            narrow = width // 4 if bottleneck else width
            kernel = 1 if bottleneck else 3
            _conv(t, f'{body}.1', narrow, before, kernel, kernel)
            _norm(t, f'{body}.2', narrow)
            t[f'{body}.3.weight'] = .25 + .05 * torch.randn(narrow)
            _conv(t, f'{body}.4', narrow, narrow, 3, 3)
            _norm(t, f'{body}.5', narrow)
            if bottleneck:
                t[f'{body}.6.weight'] = .25 + .05 * torch.randn(narrow)
                _conv(t, f'{body}.7', width, narrow, 1, 1)
                _norm(t, f'{body}.8', width)
            if se:
                _conv(t, f'{body}.se_block.fc1', width // 16, width, 1, 1)
                _conv(t, f'{body}.se_block.fc2', width, width // 16, 1, 1)
            if before != width:
                _conv(t, f'body.{block}.shortcut_layer.0', width, before, 1, 1)
                _norm(t, f'body.{block}.shortcut_layer.1', width)
            before, block = width, block + 1
    _norm(t, 'output_layer.0', before)
    t['output_layer.3.weight'] = torch.randn(32, before * 49) * (before * 49) ** -.5
    t['output_layer.3.bias'] = .1 * torch.randn(32)
    _norm(t, 'output_layer.4', 32, affine)
    return t


def iresnet_tensors(counts=(1, 2, 1, 1)):
    """insightface's and MagFace's names for a network whose values come from the layout above."""
    t, values = {}, ir_tensors(counts, affine=True)
    layers = {'0': 'bn1', '1': 'conv1', '2': 'bn2', '3': 'prelu', '4': 'conv2', '5': 'bn3'}
    top = {'input_layer.0': 'conv1', 'input_layer.1': 'bn1', 'input_layer.2': 'prelu',
           'output_layer.0': 'bn2', 'output_layer.3': 'fc', 'output_layer.4': 'features'}
    place = [(stage, k) for stage, count in enumerate(counts, 1) for k in range(count)]
    _conv(values, 'body.0.shortcut_layer.0', 64, 64, 1, 1)
    _norm(values, 'body.0.shortcut_layer.1', 64)
    for name, value in values.items():
        parts = name.split('.')
        if parts[0] == 'body':
            stage, k = place[int(parts[1])]
            inner = (f'downsample.{parts[3]}' if parts[2] == 'shortcut_layer'
                     else layers[parts[3]])
            t[f'layer{stage}.{k}.{inner}.{parts[4]}'] = value
        else:
            t['.'.join([top['.'.join(parts[:2])], *parts[2:]])] = value
    return t, values


def vit_tensors(dim=32, depth=2, heads=4, ratio=3., patch=8, keypoints=False, embed_dim=16):
    side = 112 // patch
    t = {'pos_embed': .1 * torch.randn(1, side ** 2, dim),
         'patch_embed.proj.weight': .05 * torch.randn(dim, 3, patch, patch),
         'patch_embed.proj.bias': .1 * torch.randn(dim)}

    def linear(name, outputs, inputs, bias=True):
        t[f'{name}.weight'] = torch.randn(outputs, inputs) * inputs ** -.5
        if bias:
            t[f'{name}.bias'] = .1 * torch.randn(outputs)

    hidden = round(dim * ratio)
    for k in range(depth):
        for norm in ('norm1', 'norm2'):
            t[f'blocks.{k}.{norm}.weight'] = 1 + .1 * torch.randn(dim)
            t[f'blocks.{k}.{norm}.bias'] = .1 * torch.randn(dim)
        linear(f'blocks.{k}.attn.qkv', 3 * dim, dim, False)
        linear(f'blocks.{k}.attn.proj', dim, dim)
        linear(f'blocks.{k}.mlp.fc1', hidden, dim)
        linear(f'blocks.{k}.mlp.fc2', dim, hidden)
    t['norm.weight'], t['norm.bias'] = 1 + .1 * torch.randn(dim), .1 * torch.randn(dim)
    linear('feature.0', dim, dim * side ** 2, False)
    _norm(t, 'feature.1', dim)
    linear('feature.2', embed_dim, dim, False)
    _norm(t, 'feature.3', embed_dim)
    if keypoints:
        linear('keypoint_linear', 49 * heads * depth, 10)
    return t
