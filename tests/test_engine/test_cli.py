"""Messages and exit codes of commands, and errors of components that a config builds."""
import contextlib
import io

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from torch.utils.data import DataLoader, Dataset

from lrfr_mm import errors
from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.engine.cli import message_of, run_command
from lrfr_mm.engine.components import naming_components
from lrfr_mm.errors import ConfigError, InputError
from lrfr_mm.registry import DATASETS, HOOKS, METRICS, MODELS, OPTIMIZERS, type_name


def ended(function):
    out = io.StringIO()
    with contextlib.redirect_stderr(out), pytest.raises(SystemExit) as error:
        run_command(function)
    return error.value.code, out.getvalue()


def raising(error):
    def function():
        raise error
    return function


@pytest.mark.parametrize(('error', 'code'), [
    *[(getattr(errors, name)('faces/3.jpg: cannot be read'), 2) for name in errors.__all__
      if name not in ('reading', 'OutputError')],
    (errors.OutputError(28, 'No space left', 'faces/3.jpg'), 2),
    (ValueError('a defect'), 1), (KeyError('no_such_internal_key'), 1), (OSError('a defect'), 1),
    (TypeError("f() got an unexpected keyword argument 'x'"), 1), (ImportError('a defect'), 1),
    (RuntimeError('a defect'), 1), (KeyboardInterrupt(), 1)])
def test_only_a_user_error_is_one_line_and_code_2(error, code, monkeypatch):
    monkeypatch.delenv('LRFR_TRACEBACK', raising=False)
    found, text = ended(raising(error))
    assert found == code
    if code == 2:
        assert text.startswith('error: ') and text.count('\n') == 1 and 'faces/3.jpg' in text
    elif isinstance(error, Exception):
        assert 'Traceback' in text and type(error).__name__ in text


def test_return_values_are_exit_codes():
    assert ended(lambda: None)[0] == 0 and ended(lambda: 3)[0] == 3


def test_lrfr_traceback_shows_the_cause(monkeypatch):
    def function():
        try:
            int('x')
        except ValueError as error:
            raise InputError('labels.txt, line 3: no number') from error

    monkeypatch.setenv('LRFR_TRACEBACK', '1')
    code, text = ended(function)
    assert code == 2 and 'invalid literal' in text
    assert text.splitlines()[-1] == 'error: labels.txt, line 3: no number'


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 3

    def __getitem__(self, index):
        raise self.error


@pytest.mark.parametrize(('error', 'code'), [
    (InputError('shard.tar, image 3 (a: b.jpg): cut'), 2),
    (errors.InputMissingError('shard.tar, image 3 (a: b.jpg): cut'), 2), (KeyError('img'), 1)])
def test_a_workers_error_keeps_its_kind_and_its_message(error, code):
    found, text = ended(lambda: list(DataLoader(Broken(error), num_workers=1)) and None)
    assert found == code
    if code == 2:
        assert text == 'error: shard.tar, image 3 (a: b.jpg): cut\n'
    else:
        assert 'Traceback' in text


def test_a_message_of_several_lines_becomes_one():
    assert message_of(InputError('a:\n  b\n\n c ')) == 'a: b c'


FOLDER, SOURCE = dict(type='FolderFaces'), SyntheticFaces(3, 2)
HEAD = dict(type='CosFaceHead', num_classes=3, in_channels=4)


@pytest.mark.parametrize(('registry', 'key', 'config', 'text'), [
    (MODELS, 'model.head', dict(HEAD, type='CosFacHead'), 'near it: CosFaceHead'),
    (MODELS, 'model.head.sale', dict(HEAD, sale=3), 'near it: scale'),
    (MODELS, 'model.head', dict(type='CosFaceHead', in_channels='x', num_classes='y'), ''),
    (ROOT_MODELS, 'model.backbone', dict(type='TIMMBackbone', model_name='resnet_of_nobody'),
     'resnet_of_nobody'),
    (METRICS, 'evaluator', dict(type='PairVerification', benchmark='x', flip_test='y'), 'flip'),
    (DATASETS, 'data', dict(type='FaceDataset', source=dict(FOLDER, root='/no')), '/no'),
    (DATASETS, 'data.source.rot', dict(type='FaceDataset', source=dict(FOLDER, rot='/no')),
     'near it: root'),
    (DATASETS, 'data.num_pair', dict(type='SampledPairs', name='x', num_pair=3, source=SOURCE),
     'near it: num_pairs'),
    (HOOKS, 'hooks.intervall', dict(type='InvalidLossHook', intervall=2), 'near it: interval'),
    (OPTIMIZERS, 'optimizer.type', dict(type='Adamw', params=[torch.zeros(1)]), 'AdamW'),
])
def test_a_component_that_cannot_be_built_is_named_by_its_key(registry, key, config, text):
    whole = dict(model=dict(head=config if 'head' in key else None,
                            backbone=config if 'backbone' in key else None), evaluator=config,
                 data=config, hooks=config, optimizer=config)
    whole = Config({name: part for name, part in whole.items() if key.startswith(name)})
    with pytest.raises(errors.UserError) as error, naming_components(whole):
        registry.build(config)
    assert text in str(error.value)
    if isinstance(error.value, ConfigError):
        assert str(error.value).startswith(key)


def test_an_error_beside_the_building_is_left_alone():
    for error in (KeyError('x'), ValueError('x'), TypeError("f() got an unexpected keyword "
                                                            "argument 'x'")):
        with pytest.raises(type(error)) as found, naming_components(Config()):
            raise error
        assert not isinstance(found.value, ConfigError)


@pytest.mark.parametrize(('kind', 'name'), [
    ('CosFaceHead', 'CosFaceHead'), ('lrfr_mm.CosFaceHead', 'CosFaceHead'), (Broken, 'Broken'),
    (None, '')])
def test_the_name_of_a_type(kind, name):
    assert type_name(dict(type=kind)) == name and type_name({}) == ''
