"""A config of the wrong form is refused with the key of the setting."""
import pytest

from lrfr_mm.engine.structure import check_structure
from lrfr_mm.errors import ConfigError
from tests.test_engine.test_config import load

DEMO = 'lrfr/demo'


@pytest.mark.parametrize(('option', 'value'), [
    ("train_dataloader.dataset.pipeline=[{'type':'FaceFlip'}]", [dict(type='FaceFlip')]),
    ("train_dataloader.dataset.pipeline=[{'type': 'FaceFlip'}, {'type': 'MultiResAug', "
     "'resolutions': (7, 14)}]",
     [dict(type='FaceFlip'), dict(type='MultiResAug', resolutions=(7, 14))]),
    ("custom_hooks=[{'type': 'EMAHook'}]", [dict(type='EMAHook')]), ('custom_hooks=[]', []),
    ("param_scheduler=[{'type': 'MultiStepLR', 'milestones': [1]}]",
     [dict(type='MultiStepLR', milestones=[1])])])
def test_dicts_in_the_text_of_an_override_become_dicts(option, value):
    config = load(option, config=DEMO)
    node = config
    for part in option.partition('=')[0].split('.'):
        node = node[part]
    assert node == value
    check_structure(config, train=True)


@pytest.mark.parametrize(('option', 'key'), [
    ("custom_hooks=[dict(type='EMAHook')]", 'custom_hooks'),
    ('train_dataloader.dataset.pipeline=[{type:FaceFlip}]', 'train_dataloader.dataset.pipeline'),
    ('model.head=CosFaceHead', 'model.head'), ('train_dataloader=3', 'train_dataloader'),
    ('model.losses=[LogFExpLoss]', 'model.losses.0'), ("model.losses=[{'p': 1}]", 'model.losses.0'),
    ('custom_hooks=[EMAHook]', 'custom_hooks.0'),
    ("custom_hooks=[{'momentum': 1}]", 'custom_hooks.0'),
    ('train_dataloader.dataset.pipeline=[FaceFlip]', 'train_dataloader.dataset.pipeline.0'),
    ('val_evaluator=PairVerification', 'val_evaluator'), ('val_evaluator=None', 'val_evaluator'),
    ('val_dataloader=None', 'val_dataloader'), ('train_dataloader=None', 'train_dataloader'),
    ('optim_wrapper=None', 'optim_wrapper'), ('model=None', 'model'),
    ('train_dataloader.batch_size=six', 'train_dataloader.batch_size'),
    ('train_dataloader.batch_size=0', 'train_dataloader.batch_size'),
    ('train_dataloader.batch_size=2.5', 'train_dataloader.batch_size'),
    ('val_dataloader.num_workers=-1', 'val_dataloader.num_workers'),
    ('randomness.seed=abc', 'randomness.seed'), ('randomness.seed=-1', 'randomness.seed')])
def test_a_setting_of_the_wrong_form_is_named(option, key):
    with pytest.raises(ConfigError) as error:
        check_structure(load(option, config=DEMO), train=True)
    assert str(error.value).startswith((f'{key}:', f'{key}='))


@pytest.mark.parametrize('key', ['test_dataloader', 'test_cfg', 'test_evaluator', 'model'])
def test_a_test_needs_its_settings(key):
    with pytest.raises(ConfigError, match=f'^{key}: testing needs it'):
        check_structure(load(f'{key}=None', config=DEMO), train=False)
