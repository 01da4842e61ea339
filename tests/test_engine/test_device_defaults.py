"""What a training on a GPU does by default, without a GPU."""
import pytest
import torch
from mmengine.config import Config

from lrfr_mm.engine.device_defaults import set_device_defaults
from lrfr_mm.structures import FaceDataSample


def training(optimizer, **loader):
    return Config(dict(optim_wrapper=dict(type='OptimWrapper', optimizer=optimizer),
                       train_dataloader=dict(batch_size=4, **loader)))


@pytest.mark.parametrize(('optimizer', 'fused'), [
    (dict(type='SGD', lr=.1), True), (dict(type='AdamW', lr=.1), True),
    (dict(type=torch.optim.SGD, lr=.1), True),
    (dict(type='SGD', lr=.1, fused=False), False), (dict(type='SGD', lr=.1, foreach=True), None),
    (dict(type='RMSprop', lr=.1), None)])
def test_the_optimizer_is_fused_where_it_can_be_and_nothing_else_is_chosen(optimizer, fused,
                                                                           monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    config = training(optimizer)
    set_device_defaults(config)
    assert config.optim_wrapper.optimizer.get('fused') is fused


@pytest.mark.parametrize(('given', 'wanted'), [
    (dict(num_workers=2), dict(pin_memory=True, persistent_workers=True)),
    (dict(num_workers=0), dict(pin_memory=True)),
    (dict(num_workers=2, pin_memory=False, persistent_workers=False), {})])
def test_batches_are_pinned_and_workers_persist(given, wanted, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    config = training(dict(type='SGD', lr=.1), **given)
    set_device_defaults(config)
    assert config.train_dataloader.to_dict() == dict(batch_size=4, **{**given, **wanted})


def test_a_cpu_changes_nothing(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    config = training(dict(type='SGD', lr=.1), num_workers=2)
    before = config.to_dict()
    set_device_defaults(config)
    assert config.to_dict() == before


def test_a_config_without_training_passes(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    set_device_defaults(Config(dict(model=dict(type='LRFRecognizer'))))


def test_labels_are_pinned_with_their_batch(monkeypatch):
    """torch's DataLoader pins what has ``pin_memory``."""
    pinned = []
    monkeypatch.setattr(torch.Tensor, 'pin_memory',
                        lambda self: pinned.append(self) or self.clone())
    sample = FaceDataSample(gt_label=torch.arange(3), rng_key=torch.arange(3))
    after = torch.utils.data._utils.pin_memory.pin_memory(dict(data_samples=sample))['data_samples']
    assert isinstance(after, FaceDataSample) and len(pinned) == 2
    assert torch.equal(after.gt_label, sample.gt_label)
