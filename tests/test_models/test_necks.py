"""Necks against their formulas in float64."""
import numpy as np
import pytest
import torch

from lrfr_mm.models import LRFRecognizer
from lrfr_mm.models.necks import EmbeddingNeck, GDCNeck, PoolNeck
from lrfr_mm.registry import MODELS

C, S, D, B = 6, 3, 4, 5


def numbers(neck):
    return {name: value.double().numpy() for name, value in neck.state_dict().items()}


def batch_norm(x, state, name, training, eps=1e-5):
    """Over all axes but the second."""
    axes = (0, *range(2, x.ndim))
    shape = (1, -1) + (1,) * (x.ndim - 2)
    mean = x.mean(axes) if training else state[f'{name}.running_mean']
    var = x.var(axes) if training else state[f'{name}.running_var']
    y = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    if f'{name}.weight' in state:
        y = y * state[f'{name}.weight'].reshape(shape) + state[f'{name}.bias'].reshape(shape)
    return y


def embedding(x, state, training, eps=1e-5):
    x = batch_norm(x, state, 'norm', training, eps).reshape(len(x), -1)
    return batch_norm(x @ state['fc.weight'].T + state['fc.bias'], state, 'out_norm', training, eps)


def gdc(x, state, training):
    x = np.einsum('bchw,chw->bc', x, state['gdc.weight'][:, 0])[..., None, None]
    x = batch_norm(x, state, 'norm', training)[..., 0, 0]
    return batch_norm(x @ state['fc.weight'].T, state, 'out_norm', training)


def pool(x, state, training):
    return batch_norm(x.mean((2, 3)) @ state['fc.weight'].T, state, 'out_norm', training)


NECKS = [(EmbeddingNeck(C, S, D, dropout=0.), embedding),
         (EmbeddingNeck(C, S, D, 0., norm_eps=.1, out_affine=False),
          lambda x, state, training: embedding(x, state, training, .1)),
         (GDCNeck(C, S, D), gdc), (PoolNeck(C, embed_dim=D), pool)]


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize(('neck', 'formula'), NECKS)
def test_necks_against_their_formulas(neck, formula, training):
    torch.manual_seed(0)
    neck = neck.double()
    for name, value in neck.state_dict().items():
        if value.is_floating_point():
            value.uniform_(.5, 1.5) if 'var' in name else value.normal_(.1, .5)
    state = numbers(neck)
    x = torch.randn(B, C, S, S, dtype=torch.float64)
    got = neck.train(training)(x)
    assert got.shape == (B, D)
    np.testing.assert_allclose(got.detach().numpy(), formula(x.numpy(), state, training),
                               rtol=1e-9, atol=1e-9)


def test_a_vector_passes_a_pool_neck():
    neck = PoolNeck(C, embed_dim=D).eval()
    x = torch.randn(B, C, S, S)
    torch.testing.assert_close(neck(x), neck(x.mean((2, 3))))


@pytest.mark.parametrize('neck', [EmbeddingNeck(C, S, D), GDCNeck(C, S, D)])
@pytest.mark.parametrize('shape', [(C, S + 1, S + 1), (C + 1, S, S), (C, S, S - 1)])
def test_another_map_is_an_error_that_names_the_arguments(neck, shape):
    with pytest.raises(ValueError, match=r'in_channels and in_size'):
        neck(torch.randn(2, *shape))


def test_dropout_is_between_norm_and_fc():
    """Dropped elements are 0 after the norm; what is left is scaled by 1 / (1 - p)."""
    neck = EmbeddingNeck(C, S, D, dropout=.5).train()
    seen = []
    neck.fc.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    x = torch.randn(64, C, S, S)
    neck(x)
    plain = torch.nn.functional.batch_norm(x, None, None, training=True).flatten(1)
    kept = seen[0] != 0
    assert .45 < kept.float().mean() < .55
    torch.testing.assert_close(seen[0][kept], 2 * plain[kept], rtol=1e-4, atol=1e-5)


SIZES = {'backbone': {}, 'neck': dict(in_channels=8), 'head': dict(num_classes=3, in_channels=8)}


@pytest.mark.parametrize(('kind', 'config'), [
    ('backbone', dict(type='FaceResNet', depth=18)), ('backbone', dict(type='IResNet', depth=18)),
    ('backbone', dict(type='MobileFaceNet')),
    ('backbone', dict(type='TIMMBackbone', model_name='resnet10t')),
    *[('neck', dict(type=name)) for name in ('EmbeddingNeck', 'GDCNeck', 'PoolNeck')],
    *[('head', dict(type=name)) for name in ('CosFaceHead', 'AdaFaceHead', 'PartialFCHead')]])
def test_every_part_takes_init_cfg(kind, config):
    part = MODELS.build(dict(config, **SIZES[kind], init_cfg=dict(
        type='Constant', layer=['Conv2d', 'Linear'], val=.125)))
    layers = [m for m in part.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    part.init_weights()
    assert all((layer.weight == .125).all() for layer in layers)
    assert layers or kind == 'head'


def test_a_recognizer_without_class_count_builds_and_says_so_when_trained():
    model = LRFRecognizer(dict(type='TIMMBackbone', model_name='resnet10t'),
                          dict(type='PoolNeck', embed_dim=8), dict(type='CosFaceHead'))
    images = torch.zeros(2, 3, 112, 112)
    assert model.eval()(images).shape == (2, 8)
    from lrfr_mm.structures import FaceDataSample
    sample = FaceDataSample()
    sample.set_data(dict(gt_label=torch.tensor([0, 1])))
    with pytest.raises(ValueError, match='num_classes'):
        model(dict(hr=images), sample, mode='loss')
