"""Every system of configs/methods trains, and differs from the base by its method alone."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from lrfr_mm.datasets import FaceDataset
from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.registry import DATA_SAMPLERS, MODELS
from lrfr_mm.structures import FaceDataSample

ROOT = Path(__file__).parents[1] / 'configs' / 'methods'
SYSTEMS = sorted(ROOT.glob('*.py'))
BASE = ROOT / '_base_' / 'drawn_faces.py'
# What a system may change: its model, its batches and its views.
FREE = ('model', 'train_dataloader', 'search')


@pytest.fixture(scope='module')
def faces():
    """Four drawn people with two faces each."""
    dataset = FaceDataset(SyntheticFaces(4, 2))
    return torch.stack([torch.from_numpy(dataset[i]['img']).permute(2, 0, 1) for i in range(8)])


class _Teacher(torch.nn.Module):
    """Stands for the teacher, whose checkpoint a user trains first."""

    def forward(self, images, data_samples=None):
        means = torch.nn.functional.adaptive_avg_pool2d(images, (16, 16))
        return means.mean(1).flatten(1)


@pytest.mark.parametrize('path', SYSTEMS, ids=lambda path: path.stem)
def test_every_system_trains_all_of_its_weights(path, faces):
    config = Config.fromfile(path)
    if config.model.get('head') is not None:
        config.model.head.num_classes = 4
    if config.model.backbone.type == 'FaceTransformer':
        config.model.backbone.depth = 1
    if 'teacher' in config.model:
        config.model.teacher = _Teacher()
    model = MODELS.build(config.model).train()
    inputs = dict(hr=faces)
    if config.train_dataloader.dataset.pipeline[-1]['type'] == 'MultiResAug':
        inputs['lr'] = torch.nn.functional.interpolate(
            torch.nn.functional.avg_pool2d(faces.float(), 8), 112).byte()
    samples = FaceDataSample(gt_label=torch.arange(8) // 2, rng_key=torch.arange(8))
    data = model.data_preprocessor(dict(inputs=inputs, data_samples=samples), training=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):
        losses = model(**data, mode='loss')
        assert all(value.isfinite() for value in losses.values()), losses
        optimizer.zero_grad()
        sum(losses.values()).backward()
        missing = [name for name, p in model.named_parameters() if p.grad is None]
        assert not missing
        assert all(p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()


@pytest.mark.parametrize('path', SYSTEMS, ids=lambda path: path.stem)
def test_a_system_differs_from_the_base_by_its_method_alone(path):
    config, base = Config.fromfile(path).to_dict(), Config.fromfile(BASE).to_dict()
    free = {key: (config.pop(key), base.pop(key, None)) for key in FREE}
    teacher = config.pop('teacher_row', None)
    assert (teacher is None) == (free['model'][0].get('teacher') is None)
    assert teacher is None or teacher in {system.stem for system in SYSTEMS}
    assert config == base
    loader, base_loader = free['train_dataloader']
    assert {**loader, 'sampler': 0, 'dataset': 0} == {**base_loader, 'sampler': 0, 'dataset': 0}
    assert loader['dataset']['source'] == base_loader['dataset']['source']
    sampler = loader['sampler']
    if sampler['type'] == 'PKSampler':
        assert sampler['people'] * sampler['images'] == loader['batch_size']
    else:
        assert sampler == base_loader['sampler']


@pytest.mark.parametrize('path', SYSTEMS, ids=lambda path: path.stem)
def test_the_search_names_settings_that_exist(path):
    config = Config.fromfile(path)
    ((key, values),) = config.search.items()
    assert len(values) == 3 and len(set(values)) == 3
    node = config
    for part in key.split('.'):
        node = node[int(part)] if part.isdigit() else node[part]
    assert node in values


def test_the_batches_of_a_system_fit_its_sampler():
    config = Config.fromfile(ROOT / 'facenet.py')
    dataset = FaceDataset(SyntheticFaces(20, 4))
    sampler = DATA_SAMPLERS.build(dict(config.train_dataloader.sampler, dataset=dataset, seed=0))
    assert len(sampler) == 64


def test_head_views_and_losses_combine(faces):
    config = Config.fromfile(ROOT / 'lrfr.py')
    config.merge_from_dict(dict(model=dict(
        head=dict(_delete_=True, type='PartialFCHead', num_classes=4, check_memory=False,
                  margin_head=dict(type='AdaFaceHead')),
        losses=[dict(type='OctupletLoss'), dict(type='DistributionDistillationLoss'),
                dict(type='RelationDistillationLoss')])))
    config.model.teacher = _Teacher()
    model = MODELS.build(config.model).train()
    samples = FaceDataSample(gt_label=torch.arange(8) // 2, rng_key=torch.arange(8))
    data = model.data_preprocessor(dict(inputs=dict(hr=faces, lr=faces.flip(-1)),
                                        data_samples=samples), training=True)
    losses = model(**data, mode='loss')
    assert set(losses) == {'loss_hr', 'loss_lr', 'loss_contrast', 'loss_octuplet',
                           'loss_distribution_distillation', 'loss_relation_distillation'}
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_the_page_names_every_system():
    page = (ROOT.parents[1] / 'docs' / 'methods.md').read_text(encoding='utf-8')
    assert not [path.name for path in SYSTEMS if f'`{path.name}`' not in page]
