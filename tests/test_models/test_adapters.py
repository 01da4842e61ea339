import copy
import io

import pytest
import torch

from lrfr_mm.errors import InputError
from lrfr_mm.models import DetailQuality, LoRABackbone, MixedLoRABackbone
from lrfr_mm.ops.resample import degrade
from lrfr_mm.registry import MODELS

pytest.importorskip('peft')
CONV = dict(type='FoldedMobileFaceNet')
VIT = dict(type='TIMMBackbone', model_name='vit_tiny_patch16_224', patch_size=16)


def _tensors(module):
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    return len(file.getvalue())


def _shake(network):
    """Give B, which is zero at the start, other values."""
    for name, parameter in network.named_parameters():
        if 'lora_B' in name:
            torch.nn.init.normal_(parameter, std=.02)
    return network


@pytest.mark.parametrize('base, target', [(CONV, ('conv',)), (VIT, ('attn.qkv', 'mlp.fc1'))])
def test_starts_as_the_base_trains_and_merges(base, target, tmp_path):
    torch.manual_seed(3)
    plain = MODELS.build(base).eval()
    torch.save({f'backbone.{k}': v for k, v in plain.state_dict().items()}, tmp_path / 'base.pth')
    network = LoRABackbone(base, str(tmp_path / 'base.pth'), target, rank=4).eval()
    x = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(network(x), plain(x))
    assert (network.out_channels, network.out_size) == (plain.out_channels, plain.out_size)
    assert {n.split('.')[-3] for n, p in network.named_parameters() if p.requires_grad} == {
        'lora_A', 'lora_B'}
    before = {n: p.clone() for n, p in network.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], .1)
    for _ in range(2):
        network.train()(x).square().mean().backward()
        optimizer.step()
    _shake(network).eval()
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad or torch.equal(parameter, before[name])
    with torch.no_grad():
        adapted = network(x)
        assert not torch.allclose(adapted, plain(x), atol=1e-3)
        plain.load_state_dict(network.merged_state_dict())
        torch.testing.assert_close(plain(x), adapted, atol=1e-4, rtol=1e-3)


def test_only_adapters_are_saved_and_another_base_is_refused(tmp_path):
    plain = MODELS.build(CONV)
    torch.save(plain.state_dict(), tmp_path / 'base.pth')
    make = lambda: LoRABackbone(CONV, str(tmp_path / 'base.pth'), ('conv',), rank=2)  # noqa: E731
    first, second = _shake(make()), make()
    saved = first.state_dict()
    assert _tensors(first) < .2 * _tensors(plain)
    assert all('lora_' in name or name == 'base_fingerprint' for name in saved)
    second.load_state_dict(saved)
    x = torch.randn(1, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(second.eval()(x), first.eval()(x))
    with pytest.raises(InputError, match='another base network'):
        LoRABackbone(CONV, target=('conv',), rank=2).load_state_dict(saved)
    torch.save(MODELS.build(dict(type='MobileFaceNet')).state_dict(), tmp_path / 'other.pth')
    with pytest.raises(InputError, match=r'other\.pth is not of this base network'):
        LoRABackbone(CONV, str(tmp_path / 'other.pth'))


def test_a_recognizer_with_adapters_loads_its_checkpoint(tmp_path):
    config = dict(type='LRFRecognizer', neck=dict(type='FoldedGDCNeck', embed_dim=16))
    base = MODELS.build(dict(config, backbone=CONV))
    torch.save(dict(state_dict=base.state_dict()), tmp_path / 'r.pth')
    config['backbone'] = dict(type='LoRABackbone', base=CONV, checkpoint=str(tmp_path / 'r.pth'))
    model, again = MODELS.build(config), MODELS.build(config)
    _shake(model)
    again.load_state_dict(model.state_dict())
    x = torch.randn(1, 3, 112, 112)
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(x), model.eval()(x))


@pytest.mark.parametrize('keep_sharp', [False, True])
def test_mixed_sets_follow_the_score(keep_sharp):
    class Given(torch.nn.Module):
        def forward(self, images):
            return torch.tensor([1., 0., .25])

    torch.manual_seed(0)
    network = _shake(MixedLoRABackbone(CONV, quality=Given(), target=('conv',), rank=2,
                                       keep_sharp=keep_sharp)).eval()
    x = torch.randn(1, 3, 112, 112).repeat(3, 1, 1, 1)
    first = network.base.layers[0][1]  # the first convolution, linear in its adapters
    names = list(first.lora_A)
    assert names == (['default'] if keep_sharp else ['default', 'lr'])
    seen = []
    first.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    with torch.no_grad():
        network(x)
        inputs, found = seen[0]
        added = [first.lora_B[n]._conv_forward(first.lora_A[n](inputs), first.lora_B[n].weight,
                                               None) for n in names]
        weights = [(0., 1., .75)] if keep_sharp else [(1., 0., .25), (0., 1., .75)]
        expected = first.base_layer(inputs) + sum(
            torch.tensor(w).view(3, 1, 1, 1) * d for w, d in zip(weights, added, strict=True))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
        twin = copy.deepcopy(network)
        torch.testing.assert_close(twin(x), network(x))
    network.train()(x).sum().backward()
    assert all(p.grad is not None for n, p in network.named_parameters() if 'lora_B' in n)
    with pytest.raises(ValueError, match='cannot be merged'):
        network.merged_state_dict()


def test_quality_falls_with_the_resolution():
    from lrfr_mm.datasets import SyntheticFaces
    from lrfr_mm.datasets.decode import decode
    faces = torch.stack([torch.from_numpy(decode(SyntheticFaces(6, 1).read(i)[0], 'cv2').copy())
                         for i in range(6)]).permute(0, 3, 1, 2)
    scores = [DetailQuality()(degrade(faces, r).float()) for r in (112, 20, 14, 7)]
    assert scores[0].min() > .5 > scores[1].max()
    assert (scores[1] >= scores[2]).all() and (scores[2] >= scores[3]).all()


@pytest.mark.parametrize('options, text', [(dict(target=('nothing',)), 'fits target'),
                                           (dict(rank=0), 'rank')])
def test_bad_arguments(options, text):
    with pytest.raises(ValueError, match=text):
        LoRABackbone(CONV, **options)
