from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config

from lrfr_mm.apis import get_model, list_models
from lrfr_mm.apis.model_zoo import cache_dir, find_model
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import file_sha256
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import MODELS

ROOT = Path(__file__).parents[2]


def test_every_listed_model_has_its_config():
    names = list_models()
    assert {'r50_ms1m', 'r34_webface', 'demo'} <= set(names) and names == sorted(names)
    assert list_models('r*') == [name for name in names if name.startswith('r')]
    for name in names:
        entry = find_model(name)
        assert entry.config.is_file() and MODELS.get(Config.fromfile(entry.config).model.type)
    assert find_model('r50_ms1m').results[0]['Metrics']['Accuracy'] == 99.40


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A directory of configs with one small model, as the working directory; its checkpoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('LRFR_HOME', str(tmp_path / 'home'))
    bases = tmp_path / 'configs' / '_base_'
    bases.mkdir(parents=True)
    (bases / 'default_runtime.py').write_text('')
    config = Config(dict(model=dict(
        type='LRFRecognizer', backbone=dict(type='IResNet', depth=(1, 1, 1, 1)),
        neck=dict(type='PoolNeck', embed_dim=4), head=dict(type='CosFaceHead'))))
    (tmp_path / 'configs' / 'small.py').write_text(config.pretty_text)
    model = MODELS.build(embedding_config(config.model))
    home = tmp_path / 'home'
    home.mkdir()
    torch.save(dict(state_dict=model.state_dict()), home / 'small.pth')

    def describe(**fields):
        entry = dict(Name='small', Config='configs/small.py', **fields)
        (tmp_path / 'configs' / 'metafile.yml').write_text(yaml.safe_dump(dict(Models=[entry])))

    describe()
    return model, home / 'small.pth', describe


def test_weights_come_from_the_cache_that_the_user_fills(zoo, tmp_path, monkeypatch):
    model, path, describe = zoo
    want = model.state_dict()['neck.fc.weight']
    assert cache_dir() == path.parent and list_models() == ['small']

    def weight(*arguments):
        return get_model('small', *arguments).state_dict()['neck.fc.weight']

    assert not torch.equal(weight(), want)  # the metafile names no weights
    assert torch.equal(weight(path), want) and torch.equal(weight('small.pth'), want)
    describe(Weights='small.pth', SHA256=file_sha256(path))
    assert torch.equal(weight(), want) and not get_model('small').training
    describe(Weights='small.pth', SHA256='0' * 64)
    with pytest.raises(InputError, match=r'small\.pth has another SHA-256 than 000'):
        get_model('small')
    with pytest.raises(InputMissingError, match=r'other\.pth does not exist, nor does .*home'):
        get_model('small', 'other.pth')
    monkeypatch.setenv('LRFR_HOME', str(tmp_path / 'elsewhere'))
    assert not torch.equal(weight(), want)  # nothing is downloaded


def test_what_is_wrong_is_named(zoo, tmp_path):
    with pytest.raises(InputError, match="no model is called 'smal'; there are small"):
        get_model('smal')
    (tmp_path / 'configs' / 'metafile.yml').write_text('Models: [{Name: x}]')
    with pytest.raises(InputError, match=r'metafile\.yml'):
        list_models()
