"""Reading and overriding configs."""
import argparse

import pytest
from mmengine.config import Config

from lrfr_mm.engine.config import add_common_arguments, find_config, load_config, read_config
from lrfr_mm.engine.overrides import check_loaders
from lrfr_mm.errors import ConfigError, InputMissingError
from tests.test_engine.conftest import ROOT

FOLDERS = str(ROOT / 'configs/lrfr/faces_folder.py')


def load(*options, config=FOLDERS):
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    add_common_arguments(parser)
    return load_config(parser.parse_args([config, *(['--cfg-options', *options] if options
                                                    else [])]))


@pytest.mark.parametrize(('options', 'train', 'test'), [
    (['data_root=/mnt/x/'], '/mnt/x/train', '/mnt/x/test'),
    (['data_root=/mnt/x'], '/mnt/x/train', '/mnt/x/test'),
    (['data_root=/a,b/'], '/a,b/train', '/a,b/test'),
    (['data_root=/a,b'], '/a,b/train', '/a,b/test'),
    (['data_root=2024'], '2024/train', '2024/test'),
    (['data_root=/mnt/x/', 'train_dataloader.dataset.source.root=data/faces/special'],
     'data/faces/special', '/mnt/x/test'),
    (['train_dataloader.dataset.source.root=data/faces/special', 'data_root=/mnt/x/'],
     'data/faces/special', '/mnt/x/test'),
    (['train_dataloader.dataset.source.root=/1,2'], '/1,2', 'data/faces/test'),
])
def test_data_root_comes_first_and_text_stays_text(options, train, test):
    config = load(*options)
    assert config.train_dataloader.dataset.source.root == train
    assert config.test_dataloader.dataset[0].source.root == test


@pytest.mark.parametrize(('option', 'path', 'value'), [
    ('model.head.scale=3', 'model.head.scale', 3),
    ('model.head.label_smoothing=.1', None, None),
    ('load_from=/a,b.pth', 'load_from', '/a,b.pth'),
    ('default_hooks.checkpoint.save_best=None', 'default_hooks.checkpoint.save_best', None),
    ('train_dataloader.dataset.pipeline.1.resolutions=[7,14]',
     'train_dataloader.dataset.pipeline.1.resolutions', [7, 14]),
    ('train_dataloader.dataset.pipeline.1.resolutions=7,14',
     'train_dataloader.dataset.pipeline.1.resolutions', [7, 14]),
    ('train_dataloader.prefetch_factor=4', 'train_dataloader.prefetch_factor', 4),
    ('model.backbone.drop_path_rate=.1', 'model.backbone.drop_path_rate', .1),  # timm's own
    ('optim_wrapper.clip_grad.max_norm=5', 'optim_wrapper.clip_grad.max_norm', 5),
    ('optim_wrapper.paramwise_cfg.norm_decay_mult=0', 'optim_wrapper.paramwise_cfg', None),
    ('val_cfg.strict=True', 'val_cfg.strict', True),
    ('randomness.seed=3', 'randomness.seed', 3),
    ('auto_scale_lr.enable=True', 'auto_scale_lr.enable', True),
    ('custom_hooks.1.type=EMAHook', 'custom_hooks.1.type', 'EMAHook'),
    ('default_hooks.ema.type=EMAHook', 'default_hooks.ema.type', 'EMAHook'),
    ('model.head._delete_=True', None, None),
])
def test_a_setting_that_somebody_reads_may_be_new(option, path, value):
    if option.startswith('model.head.label'):
        with pytest.raises(ConfigError, match='label_smoothing'):
            load(option)
        return
    config = load(option)
    node = config
    for part in (path or '').split('.') if path else ():
        node = node[int(part)] if isinstance(node, list) else node[part]
    if value is not None:
        assert node == value


@pytest.mark.parametrize(('option', 'key', 'near'), [
    ('modle.head.scale=3', 'modle', 'model'),
    ('load_form=x.pth', 'load_form', 'load_from'),
    ('val_dataloader.batch_sizee=3', 'val_dataloader.batch_sizee', 'batch_size'),
    ('train_dataloader.num_worker=3', 'train_dataloader.num_worker', 'num_workers'),
    ('model.haed.scale=3', 'model.haed', 'head'),
    ('model.head.sale=3', 'model.head.sale', 'scale'),
    ('train_dataloader.dataset.source.rot=x', 'train_dataloader.dataset.source.rot', 'root'),
    ('train_dataloader.dataset.pipeline.1.resolution=[7]', 'pipeline.1.resolution', 'resolutions'),
    ('train_cfg.max_epoch=3', 'train_cfg.max_epoch', 'max_epochs'),
    ('val_cfg.stict=True', 'val_cfg.stict', 'strict'),
    ('default_hooks.checkpont.interval=2', 'default_hooks.checkpont', 'checkpoint'),
    ('default_hooks.logger.intervall=2', 'default_hooks.logger.intervall', 'interval'),
    ('optim_wrapper.optimiser.lr=2', 'optim_wrapper.optimiser', 'optimizer'),
    ('env_cfg.cudnn_benchmarkk=True', 'env_cfg.cudnn_benchmarkk', 'cudnn_benchmark'),
    ('randomness.sed=3', 'randomness.sed', 'seed'),
    ('log_processor.by_epochh=True', 'log_processor.by_epochh', 'by_epoch'),
    ('log_processor.window=3', 'log_processor.window', 'window_size'),
])
def test_an_override_of_nothing_is_refused_with_the_near_names(option, key, near):
    with pytest.raises(ConfigError) as error:
        load(option)
    assert key in str(error.value) and near in str(error.value).split('near it: ')[1]


@pytest.mark.parametrize('option', ['param_scheduler.9.end=3', 'model.head.scale.deep=3',
                                    'train_dataloader.dataset.pipeline.x.size=3'])
def test_an_override_that_does_not_fit_the_config_is_one_error(option):
    with pytest.raises(ConfigError):
        load(option)


def test_loader_settings_in_the_file_are_checked_as_well():
    config = read_config(FOLDERS)
    check_loaders(config)
    config.test_dataloader.batch_sise = 3
    with pytest.raises(ConfigError, match=r'test_dataloader\.batch_sise.*near it: batch_size'):
        check_loaders(config)


def test_configs_by_name_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('lrfr/demo', 'lrfr/demo.py'):
        assert find_config(name) == ROOT / 'configs/lrfr/demo.py'
    (tmp_path / 'configs' / 'lrfr').mkdir(parents=True)
    (tmp_path / 'configs' / 'lrfr' / 'demo.py').write_text('a = 1\n')
    assert read_config('lrfr/demo').a == 1
    with pytest.raises(InputMissingError, match='config lrfr/demmo does not exist'):
        find_config('lrfr/demmo')


@pytest.mark.parametrize(('text', 'part'), [
    ('model = dict(\n', 'SyntaxError'), ('a = 1 / 0\n', 'ZeroDivisionError'),
    ("_base_ = ['nowhere.py']\n", 'nowhere.py'), ("custom_imports = dict(imports=['no_such'])\n",
                                                  'no_such')])
def test_a_file_that_is_no_config_is_named(text, part, tmp_path):
    (tmp_path / 'bad.py').write_text(text)
    with pytest.raises((ConfigError, InputMissingError), match=r'bad\.py') as error:
        read_config(str(tmp_path / 'bad.py'))
    assert part in str(error.value)


def test_a_pure_python_config_is_read_and_overridden(tmp_path):
    (tmp_path / 'base.py').write_text(
        'from lrfr_mm.models.heads import CosFaceHead\n'
        'model = dict(head=dict(type=CosFaceHead, scale=48))\n')
    (tmp_path / 'pure.py').write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n    from .base import *\n'
        'work_dir = None\n')
    config = load('model.head.scale=3', config=str(tmp_path / 'pure.py'))
    assert isinstance(config, Config) and config.model.head.scale == 3
    with pytest.raises(ConfigError, match='near it: scale'):
        load('model.head.sale=3', config=str(tmp_path / 'pure.py'))
