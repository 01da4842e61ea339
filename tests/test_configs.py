from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from lrfr_mm.registry import DATASETS, MODELS, TRANSFORMS

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / 'configs' / 'lrfr').glob('*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)
def test_every_config_builds_a_model_that_embeds(path):
    config = Config.fromfile(path)
    config.model.head.num_classes = 10
    model = MODELS.build(config.model).eval()
    with torch.no_grad():
        embedding = model(torch.zeros(1, 3, 112, 112))
    assert embedding.shape == (1, model.neck.embed_dim)
    for transform in config.train_dataloader.dataset.pipeline:
        TRANSFORMS.build(transform)
    names = {dataset.name for dataset in config.test_dataloader.dataset}
    assert {metric.benchmark for metric in config.test_evaluator} <= names
    assert DATASETS.get(config.train_dataloader.dataset.type) is not None


@pytest.mark.parametrize(('name', 'depth', 'lr', 'epochs', 'milestones'), [
    ('r34_webface', 34, .1, 28, [16, 24]), ('r50_ms1m', 50, .01, 16, [8, 12])])
def test_the_papers_runs_to_the_letter(name, depth, lr, epochs, milestones):
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{name}.py')
    model = config.model
    assert model.backbone == dict(type='FaceResNet', depth=depth)
    assert model.neck == dict(type='EmbeddingNeck', embed_dim=512, dropout=.4)
    assert model.head == dict(type='CosFaceHead', scale=48, margin=.4)
    assert model.contrast_loss == dict(type='LogFExpLoss', p=1, loss_weight=1.)
    assert 'joint_forward' not in model and 'view_weights' not in model
    assert config.optim_wrapper.optimizer == dict(type='SGD', lr=lr, momentum=.9,
                                                  weight_decay=5e-4)
    assert config.train_cfg.max_epochs == epochs
    (schedule,) = config.param_scheduler
    assert (schedule.milestones, schedule.gamma) == (milestones, .1)
    loader = config.train_dataloader
    assert loader.batch_size == 256
    assert loader.dataset.pipeline == [dict(type='MultiResAug', resolutions=(7, 14, 20),
                                            ratio=(1, 1, 2))]


def test_baseline_and_method_differ_in_the_method_only():
    method, baseline = (Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{name}.py').to_dict()
                        for name in ('demo', 'demo_baseline'))
    assert method['model'].pop('contrast_loss') and baseline['model'].pop('contrast_loss') is None
    assert method['train_dataloader']['dataset'].pop('pipeline')[0]['type'] == 'MultiResAug'
    assert baseline['train_dataloader']['dataset'].pop('pipeline') == [dict(type='FaceFlip')]
    assert method == baseline


@pytest.mark.parametrize('name', ['vit', 'convnext', 'mobilenetv4'])
def test_another_backbone_is_one_line(name):
    other, base = (Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{n}_ms1m.py').to_dict()
                   for n in (name, 'r50'))
    assert other['model'].pop('backbone')['type'] == 'TIMMBackbone'
    base['model'].pop('backbone')
    assert other == base


def test_demo_tests_people_it_did_not_train_on():
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py')
    train = config.train_dataloader.dataset.source
    test = config.test_dataloader.dataset[0].source
    assert test.first_identity >= train.num_identities


def test_the_plus_recipe_changes_what_it_says():
    plus, base = (Config.fromfile(ROOT / 'configs' / 'lrfr' / f'r50_ms1m{n}.py').to_dict()
                  for n in ('_plus', ''))
    views = plus['model']['data_preprocessor'].pop('multi_res')
    assert base['train_dataloader']['dataset'].pop('pipeline') == [
        dict(type='MultiResAug', **views)]
    assert plus['train_dataloader']['dataset'].pop('pipeline') == []
    assert plus['model']['data_preprocessor'].pop('non_blocking')
    assert plus['model'].pop('channels_last')
    assert plus['model']['contrast_loss'].pop('loss_weight') == 5
    assert base['model']['contrast_loss'].pop('loss_weight') == 1
    assert plus['optim_wrapper'].pop('type') == 'Bf16OptimWrapper'
    assert plus['optim_wrapper']['optimizer'].pop('fused') and base['optim_wrapper'].pop('type')
    assert plus == base
