from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from lrfr_mm.models import LRFRecognizer
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import (
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
)
from lrfr_mm.structures import FaceDataSample

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts
                 and path.stem != 'methods_test')  # what is added to a config to test it
every_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda p: str(
    p.relative_to(ROOT / 'configs').with_suffix('')))
trained = {}  # what came of each distinct model


def without_files(config):
    """The model's config without checkpoints: teachers and adapted networks have random weights."""
    if not isinstance(config, dict):
        return config
    return type(config)({key: without_files(value) for key, value in config.items()
                         if key not in ('checkpoint', 'init_cfg')})


def structure(config):
    """The model's config without the numbers of its losses, which do not decide what is trained
    unless they are zero.
    """
    def without_numbers(node):
        if isinstance(node, dict):
            return {key: without_numbers(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [without_numbers(value) for value in node]
        return bool(node) if isinstance(node, (int, float)) else node
    return str({key: without_numbers(value) if key in ('head', 'contrast_loss', 'losses') else value
                for key, value in config.items()})


def idle_weights(model_config):
    """Names of the weights that one forward and backward pass leaves without a gradient."""
    model_config = without_files(model_config)
    key = structure(model_config)
    if key not in trained:
        model = MODELS.build(model_config).train()
        size = (6, 3, 112, 112)  # three people, two images each: what losses over a batch need
        labels = FaceDataSample()
        labels.set_data(dict(gt_label=torch.arange(6) // 2, rng_key=torch.arange(6)))
        inputs = dict(hr=torch.randint(0, 256, size, dtype=torch.uint8))
        if model.data_preprocessor.multi_res is None:
            inputs['lr'] = torch.randint(0, 256, size, dtype=torch.uint8)
        data = model.data_preprocessor(dict(inputs=inputs, data_samples=labels), True)
        sum(model.loss(**data).values()).backward()
        trained[key] = [name for name, p in model.named_parameters()
                        if p.requires_grad and p.grad is None]
    return trained[key]


@every_config
def test_every_config_trains_all_of_its_weights(path):
    config = Config.fromfile(path)
    if config.model.get('head') is not None:
        config.model.head.num_classes = 10
    assert idle_weights(config.model) == []


@every_config
def test_every_config_builds_what_it_names(path, tmp_path):
    config = Config.fromfile(path)
    for transform in config.train_dataloader.dataset.get('pipeline', []):
        TRANSFORMS.build(transform)
    assert DATASETS.get(config.train_dataloader.dataset.type) is not None
    for loader, evaluator in (('val_dataloader', 'val_evaluator'),
                              ('test_dataloader', 'test_evaluator')):
        datasets = {dataset.name: dataset for dataset in config[loader].dataset}
        for metric in config[evaluator]:
            assert metric.benchmark in datasets
            METRICS.build(metric)
        for dataset in datasets.values():
            assert DATASETS.get(dataset.type) is not None
            for transform in dataset.get('pipeline', []):
                TRANSFORMS.build(transform)
    for hook in (*config.default_hooks.values(), *config.custom_hooks):
        HOOKS.build(hook)
    for kind in ('train_cfg', 'val_cfg', 'test_cfg'):
        assert LOOPS.get(config[kind].type) is not None
    model = torch.nn.Linear(1, 1)
    OPTIMIZERS.build(dict(config.optim_wrapper.optimizer, params=model.parameters()))
    assert OPTIM_WRAPPERS.get(config.optim_wrapper.type) is not None
    schedulers = config.get('param_scheduler') or []
    for scheduler in schedulers:
        assert PARAM_SCHEDULERS.get(scheduler.type) is not None


def test_drawn_data_sets_build(tmp_path):
    config = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo.py')
    few = dict(num_identities=3, images_per_identity=2, cache=str(tmp_path))
    train = config.train_dataloader.dataset
    train.source.update(few)
    assert DATASETS.build(train)[5]['img'].shape == (112, 112, 3)
    (pairs,) = config.test_dataloader.dataset
    pairs.source.update(few)
    pairs.num_pairs = 6
    assert len(DATASETS.build(pairs)) == 6


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


def with_names(node):
    """A config whose types are class names, without their modules."""
    if isinstance(node, dict):
        return {key: value.rpartition('.')[2] if key == 'type' else with_names(value)
                for key, value in node.items()}
    return type(node)(map(with_names, node)) if isinstance(node, (list, tuple)) else node


def test_the_pure_python_config_is_the_demo():
    pure, text = (Config.fromfile(ROOT / 'configs' / 'lrfr' / f'{name}.py')
                  for name in ('demo_pure', 'demo'))
    assert pure.model.type is LRFRecognizer
    assert with_names(pure.to_dict()) == with_names(text.to_dict())


def test_what_a_run_writes_of_a_pure_python_config_can_be_read_again(tmp_path):
    pure = Config.fromfile(ROOT / 'configs' / 'lrfr' / 'demo_pure.py')
    (tmp_path / 'dumped.py').write_text(pure.pretty_text)
    again = Config.fromfile(tmp_path / 'dumped.py')
    model = MODELS.build(embedding_config(again.model))
    assert isinstance(model, LRFRecognizer) and model.neck.embed_dim == 256
