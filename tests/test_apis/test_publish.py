import hashlib

import numpy as np
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.apis import Embedder
from lrfr_mm.apis.publish import publish_model
from lrfr_mm.registry import MODELS

CONFIG = Config(dict(
    default_scope='lrfr_mm',
    model=dict(type='LRFRecognizer', backbone=dict(type='TIMMBackbone', model_name='resnet10t'),
               neck=dict(type='PoolNeck', embed_dim=8),
               head=dict(type='CosFaceHead', num_classes=5),
               contrast_loss=dict(type='LogFExpLoss'))))


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    model = MODELS.build(CONFIG.model)
    path = tmp_path_factory.mktemp('run') / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict(), optimizer=dict(state={}), meta={}), path)
    return path


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_the_published_file_embeds_like_the_checkpoint(checkpoint, tmp_path, suffix, rng):
    path = publish_model(checkpoint, tmp_path / f'small{suffix}', CONFIG)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'small-{digest[:8]}{suffix}'
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, f'{path.stem}.py'])
    faces = list(rng.integers(0, 256, (3, 112, 112, 3), dtype=np.uint8))
    want = Embedder(CONFIG, str(checkpoint), 'cpu').embed(faces)
    got = Embedder(str(path.with_suffix('.py')), str(path), 'cpu').embed(faces)
    np.testing.assert_array_equal(got, want)
    assert path.stat().st_size < checkpoint.stat().st_size


def test_it_holds_the_embedding_network_alone(checkpoint, tmp_path):
    path = publish_model(checkpoint, tmp_path / 'small.pth')
    saved = torch.load(path, weights_only=True)
    assert saved.keys() == {'state_dict', 'meta'}
    assert {key.split('.')[0] for key in saved['state_dict']} == {'backbone', 'neck'}
    assert publish_model(checkpoint, tmp_path / 'small.pth') == path  # the same bytes
    assert list(tmp_path.iterdir()) == [path]


def test_errors(checkpoint, tmp_path):
    with pytest.raises(ValueError, match=r'model\.onnx'):
        publish_model(checkpoint, tmp_path / 'model.onnx')
    torch.save(dict(state_dict={'head.weight': torch.zeros(2, 2)}), tmp_path / 'head.pth')
    with pytest.raises(ValueError, match=r'head\.pth holds no weights'):
        publish_model(tmp_path / 'head.pth', tmp_path / 'a.pth')
    other = Config(dict(model=dict(CONFIG.model, neck=dict(type='PoolNeck', embed_dim=4))))
    with pytest.raises(ValueError, match=r'neck\.fc\.weight'):
        publish_model(checkpoint, tmp_path / 'a.pth', other)
    (tmp_path / 'cut.safetensors').write_bytes(b'\x40\0\0\0\0\0\0\0{')
    with pytest.raises(ValueError, match=r'cut\.safetensors'):
        publish_model(tmp_path / 'cut.safetensors', tmp_path / 'a.pth')
    with pytest.raises(FileNotFoundError):
        publish_model(tmp_path / 'missing.pth', tmp_path / 'a.pth')
