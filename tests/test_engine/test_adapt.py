import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from lrfr_mm.datasets import FaceDataset
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources import MorphedFaces, SyntheticFaces, UnlabelledFaces
from lrfr_mm.engine import AdaptationConstructor
from lrfr_mm.engine.adapt import adapt_command, apply_recipe
from lrfr_mm.engine.config import read_config
from lrfr_mm.engine.hooks.class_means import ClassMeansHook
from lrfr_mm.errors import ConfigError, InputError, InputMissingError
from lrfr_mm.registry import MODELS

NETWORK = dict(
    type='LRFRecognizer', data_preprocessor=dict(type='FacePreprocessor', mean=120., std=60.),
    backbone=dict(type='TIMMBackbone', model_name='mobilenetv4_conv_small_050', out='pooled'),
    neck=dict(type='PoolNeck', embed_dim=32), head=dict(type='CosFaceHead', num_classes=3))


@pytest.fixture
def work(tmp_path):
    """A recognizer and a directory of 8 faces of 4 people."""
    import cv2
    source = SyntheticFaces(4, 2)
    for i in range(len(source)):
        data, label = source.read(i)
        (tmp_path / f'faces/p{label}').mkdir(parents=True, exist_ok=True)
        image = cv2.resize(decode(data, 'cv2'), (112, 112))
        cv2.imwrite(str(tmp_path / f'faces/p{label}/{i}.png'), image[..., ::-1])
    torch.manual_seed(5)
    torch.save(MODELS.build(NETWORK).state_dict(), tmp_path / 'net.pth')
    Config(dict(default_scope='lrfr_mm', model=NETWORK)).dump(tmp_path / 'net.py')
    return tmp_path


SMALL = dict(train_dataloader=dict(batch_size=4, num_workers=0), train_cfg=dict(max_epochs=1))


def _options(values, prefix=''):
    out = {}
    for key, value in values.items():
        out.update(_options(value, f'{prefix}{key}.') if isinstance(value, dict)
                   else {prefix + key: value})
    return out


@pytest.mark.parametrize('recipe', ['distill_folder', 'lora', 'method'])
def test_a_recipe_adapts_any_recognizer(work, recipe):
    if recipe == 'lora':
        pytest.importorskip('peft')
    options = [f'{key}={value}' for key, value in _options(SMALL).items()]
    adapt_command([str(work / 'net.py'), str(work / 'net.pth'), str(work / 'faces'), '--config',
                   f'adapt/{recipe}', '--work-dir', str(work / 'out'), '--seed', '1',
                   '--cfg-options', *options])
    saved = torch.load(next((work / 'out').glob('epoch_1.pth')), weights_only=False)['state_dict']
    before = torch.load(work / 'net.pth')
    names = [n for n in before if n.startswith('backbone.') and n in saved]
    assert not any('teacher' in name for name in saved)
    if recipe == 'lora':
        assert names == [] and any('lora_B' in n and v.any() for n, v in saved.items())
        assert all(torch.equal(saved[n], before[n]) for n in before
                   if n.startswith('neck.fc'))
    else:
        moved = [n for n in names if not torch.equal(saved[n], before[n])]
        assert len(moved) > .8 * len(names)
        start = torch.cat([(saved[n] - before[n]).float().abs().flatten() for n in moved
                           if n.endswith('weight')])
        assert start.max() < .05  # it began with the checkpoint's weights


@pytest.mark.parametrize(('change', 'error', 'text'), [
    (dict(checkpoint='no.pth'), InputMissingError, 'no.pth'),
    (dict(faces='nowhere'), InputMissingError, 'nowhere'),
    (dict(recognizer=Config(dict(a=1))), ConfigError, 'model')])
def test_what_is_missing_is_named(work, change, error, text):
    arguments = dict(recognizer=Config.fromfile(work / 'net.py'), checkpoint=str(work / 'net.pth'),
                     faces=str(work / 'faces'))
    with pytest.raises(error, match=text):
        apply_recipe(read_config('adapt/distill_folder'), **{**arguments, **change})


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(*[nn.Linear(3, 3) for _ in range(13)])
        self.neck = nn.Linear(3, 2)


def _constructed(model, **paramwise):
    return AdaptationConstructor(dict(type='OptimWrapper', optimizer=dict(
        type='AdamW', lr=1., weight_decay=.1)), paramwise)(model).optimizer


def test_frozen_layers_and_rates():
    model = Net()
    optimizer = _constructed(model, frozen=[r'backbone\.[01]\.'], layer_decay=.5)
    rates = {id(p): group['lr'] for group in optimizer.param_groups for p in group['params']}
    for name, parameter in model.named_parameters():
        frozen = name.startswith(('backbone.0.', 'backbone.1.'))
        assert parameter.requires_grad is not frozen and (id(parameter) in rates) is not frozen
    # Without timm's groups twelve parameters are a layer: modules 0..5, 6..11 and 12.
    assert rates[id(model.neck.weight)] == 1.
    values = [rates[id(layer.weight)] for layer in model.backbone[2:]]
    assert values == [.25] * 4 + [.5] * 6 + [1.]
    decays = {id(p): g['weight_decay'] for g in optimizer.param_groups for p in g['params']}
    assert decays[id(model.backbone[5].bias)] == 0 and decays[id(model.backbone[5].weight)] == .1


def test_layers_of_a_timm_network_are_timms():
    model = MODELS.build(dict(type='LRFRecognizer', neck=dict(type='PoolNeck', embed_dim=8),
                              backbone=dict(type='TIMMBackbone', out='pooled', patch_size=16,
                                            model_name='vit_tiny_patch16_224')))
    optimizer = _constructed(model, layer_decay=.5)
    rates = {id(p): group['lr'] for group in optimizer.param_groups for p in group['params']}
    blocks = [rates[id(block.attn.qkv.weight)] for block in model.backbone.net.blocks]
    np.testing.assert_allclose(np.array(blocks[1:]) / blocks[:-1], 2)
    assert rates[id(model.neck.fc.weight)] == 1


@pytest.mark.parametrize(('options', 'text'), [
    (dict(frozen=['nothing']), 'matches no parameter'), (dict(frozen=['(']), 'regular expression'),
    (dict(layer_decay=2), 'layer_decay'), (dict(lr=1), 'the keys are'),
    (dict(frozen=['.*']), 'nothing is left')])
def test_bad_settings(options, text):
    with pytest.raises(ConfigError, match=text):
        _constructed(Net(), **options)


def test_class_weights_become_the_means_of_their_people(work):
    from types import SimpleNamespace
    model = MODELS.build(dict(NETWORK, head=dict(type='CosFaceHead', num_classes=4)))
    dataset = FaceDataset(dict(type='FolderFaces', root=str(work / 'faces')),
                          [dict(type='MultiResAug')])
    runner = SimpleNamespace(iter=0, model=model, logger=SimpleNamespace(info=print), train_loop=
                             SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset)))
    ClassMeansHook().before_train(runner)
    assert model.training
    model.eval()
    images = torch.stack([torch.from_numpy(decode(dataset.source.read(i)[0], 'cv2').copy())
                          for i in range(8)]).permute(0, 3, 1, 2)
    with torch.no_grad():
        data = model.data_preprocessor(dict(inputs=images))
        unit = nn.functional.normalize(model(data['inputs']))
    expected = nn.functional.normalize(unit.view(4, 2, -1).mean(1))
    torch.testing.assert_close(model.head.weight.data, expected, atol=1e-4, rtol=1e-3)
    model.head = None
    with pytest.raises(ConfigError, match='head'):
        ClassMeansHook().before_train(runner)


def test_unlabelled_and_morphed_faces(work):
    source = UnlabelledFaces(str(work / 'faces'))
    assert len(source) == 8 and source.read(3)[1] == 0 and source.name(0) == 'p0/0.png'
    morphs = MorphedFaces(source, count=5, seed=3)
    again = MorphedFaces(source, count=5, seed=3)
    images = [morphs.read(i)[0] for i in range(5)]
    assert all(im.shape == (112, 112, 3) and im.dtype == np.uint8 for im in images)
    assert np.array_equal(images[4], again.read(4)[0])
    assert len({im.tobytes() for im in images}) == 5
    assert not np.array_equal(images[0], MorphedFaces(source, count=5, seed=4).read(0)[0])
    with pytest.raises(IndexError):
        morphs.read(5)
    with pytest.raises(InputError, match='two faces'):
        MorphedFaces(SyntheticFaces(1, 1))
