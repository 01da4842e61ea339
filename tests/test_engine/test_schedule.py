"""Rates of resumed trainings, against the rates of undisturbed ones."""
import shutil

import numpy as np
import pytest
import torch
from mmengine.optim.scheduler import (
    CosineAnnealingLR,
    CosineAnnealingMomentum,
    LinearLR,
    MultiStepLR,
    ReduceOnPlateauLR,
)

from lrfr_mm.datasets import EpochSampler
from lrfr_mm.engine.schedule import follow_config
from lrfr_mm.errors import ConfigError
from tests.test_engine.conftest import inside, scalars


def optimizer(lr=.1, **settings):
    groups = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=lr * k) for k in (1, 2)]
    return torch.optim.SGD(groups, **{'momentum': .9, **settings})


def warm_cosine(made, epochs, length):
    return [LinearLR(made, start_factor=.1, by_epoch=False, begin=0, end=length),
            CosineAnnealingLR(made, by_epoch=False, begin=length, end=epochs * length,
                              T_max=(epochs - 1) * length)]


def steps(made, epochs, length):
    return [MultiStepLR(made, by_epoch=True, milestones=[2, epochs - 1], gamma=.1),
            CosineAnnealingMomentum(made, by_epoch=True, T_max=epochs)]


def run(made, schedulers, length, start, end):
    """Rates of all groups at each iteration from ``start`` to ``end``."""
    rates = []
    for iteration in range(start, end):
        rates.append([(group['lr'], group['momentum']) for group in made.param_groups])
        made.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or (iteration + 1) % length == 0:
                scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize('build', [warm_cosine, steps])
@pytest.mark.parametrize(('old', 'new'), [
    (dict(epochs=4, length=6), dict(epochs=8, length=6)),
    (dict(epochs=8, length=6), dict(epochs=5, length=6)),
    (dict(epochs=6, length=12), dict(epochs=6, length=6)),
    (dict(epochs=6, length=4), dict(epochs=6, length=12)),
    (dict(epochs=6, length=4), dict(epochs=6, length=4, lr=.5)),
    (dict(epochs=6, length=4), dict(epochs=6, length=4)),
])
@pytest.mark.parametrize('inside_epoch', [0, .5])
def test_the_rates_are_those_of_an_undisturbed_run_with_the_new_settings(build, old, new,
                                                                         inside_epoch):
    def start(epochs, length, lr=.1):
        made = optimizer(lr)
        return made, build(made, epochs, length), length, epochs

    first, schedulers, length, _ = start(**old)
    run(first, schedulers, length, 0, int((3 + inside_epoch) * length))
    saved = dict(optimizer=first.state_dict(), param_schedulers=[s.state_dict()
                                                                 for s in schedulers])
    second, schedulers, length, epochs = start(**new)
    at = int((3 + inside_epoch) * length)
    changed = follow_config(schedulers, second, saved, 3, length, at)
    second.load_state_dict(saved['optimizer'])
    for scheduler, state in zip(schedulers, saved['param_schedulers'], strict=True):
        scheduler.load_state_dict(state)
    whole, undisturbed, *_ = start(**new)
    want = run(whole, undisturbed, length, 0, epochs * length)[at:]
    assert np.array_equal(run(second, schedulers, length, at, epochs * length), want)
    same = build is steps and old['epochs'] == new['epochs'] and 'lr' not in new
    assert bool(changed) == (old != new and not same)


@pytest.mark.parametrize('setting', [dict(weight_decay=.01), dict(momentum=.5),
                                     dict(nesterov=True)])
def test_a_changed_hyperparameter_is_followed_and_said(setting):
    (name, value), = setting.items()
    first, second = optimizer(), optimizer(**setting)
    saved = dict(optimizer=first.state_dict())
    (text,) = follow_config([], second, saved, 1, 4, 4)
    second.load_state_dict(saved['optimizer'])
    assert all(group[name] == value for group in second.param_groups)
    assert name in text and str(value) in text


def test_a_schedule_by_a_metric_cannot_be_stepped():
    first, second = optimizer(), optimizer()
    saved = dict(optimizer=first.state_dict(),
                 param_schedulers=[ReduceOnPlateauLR(first, monitor='x', patience=3).state_dict()])
    assert not follow_config([ReduceOnPlateauLR(second, monitor='x', patience=3)], second, saved, 1,
                             4, 4)
    with pytest.raises(ConfigError, match='patience 3 -> 5'):
        follow_config([ReduceOnPlateauLR(optimizer(), monitor='x', patience=5)], second, saved, 1,
                      4, 4)


COSINE = ("param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end={0}, "
          "T_max={0}, convert_to_iter_based=True)]\ntrain_cfg = dict(type='FaceTrainLoop', "
          "max_epochs={0}, val_interval=99)\n")


@pytest.mark.parametrize(('name', 'batch', 'epochs'), [('more', 6, 4), ('larger', 12, 2),
                                                       ('smaller', 3, 2)])
def test_resumed_with_other_epochs_or_batches(name, batch, epochs, written, tmp_path):
    first = written('first', extra=COSINE.format(2))
    changed = written(name, batch=batch, extra=COSINE.format(epochs))
    work, whole = tmp_path / 'work', tmp_path / 'whole'
    inside('train', first, '--work-dir', work, '--seed', 3, '--cfg-options',
           'train_cfg.max_epochs=1')
    done = inside('train', changed, '--work-dir', work, '--seed', 3, '--resume')
    inside('train', changed, '--work-dir', whole, '--seed', 3)
    per_epoch = 24 // batch
    want = {step: rate for step, rate in scalars(whole, 'lr').items() if step > per_epoch}
    assert len(want) == (epochs - 1) * per_epoch
    assert scalars(work, 'lr') == want
    assert 'the config differs from the checkpoint, and is followed: ' in done.text
    assert '-1 day' not in done.text


@pytest.mark.parametrize('batch', [4, 12, 5])
def test_an_epoch_goes_on_with_another_batch_size(batch, written, tmp_path):
    """Every image once, and the next epoch where it would have begun."""
    first = written('first', extra=COSINE.format(2))
    again = written(f'again{batch}', batch=batch, extra=COSINE.format(2) + SEEN)
    inside('train', first, '--work-dir', tmp_path, '--seed', 3, '--cfg-options',
           'default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.interval=1',
           'default_hooks.checkpoint.save_best=None', 'train_cfg.max_epochs=1')
    work = tmp_path / 'again'
    work.mkdir()
    shutil.copy(tmp_path / 'iter_2.pth', work)  # 12 of 24 images
    with_hook = tmp_path / 'seen.txt'
    inside('train', again, '--work-dir', work, '--seed', 3, '--resume', '--cfg-options',
           'train_dataloader.drop_last=False', f'custom_hooks.0.path={with_hook}')
    order = EpochSampler(range(24), seed=3)
    wanted = [*list(order)[12:]]
    order.set_epoch(1)
    wanted += list(order)
    assert [int(word) for word in with_hook.read_text().split()] == wanted
    assert max(scalars(work)) == 2 * -(-24 // batch)


SEEN = '''
custom_imports = dict(imports=['tests.test_engine.seen_hook'])
custom_hooks = [dict(type='SeenHook', path='')]
'''


def test_a_training_by_iterations_follows_the_config_too(written, tmp_path):
    """mmengine's IterBasedTrainLoop, resumed with a later end and another rate."""
    text = ("param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, T_max={0}, end={0})]"
            "\ntrain_cfg = dict(type='IterBasedTrainLoop', max_iters={0}, "
            "val_interval=99)\ndefault_hooks = dict(logger=dict(interval=1), checkpoint=dict("
            "by_epoch=False, interval=3, save_best=None))\n")
    short, long = (written(f'iterations{n}', extra=text.format(n)) for n in (3, 6))
    inside('train', short, '--work-dir', tmp_path / 'a', '--seed', 3)
    (tmp_path / 'b').mkdir()
    shutil.copy(tmp_path / 'a' / 'iter_3.pth', tmp_path / 'b')
    done = inside('train', long, '--work-dir', tmp_path / 'b', '--seed', 3, '--resume')
    assert 'CosineAnnealingLR.T_max 3 -> 6' in done.text
    inside('train', long, '--work-dir', tmp_path / 'c', '--seed', 3)
    whole, resumed = scalars(tmp_path / 'c', 'lr'), scalars(tmp_path / 'b', 'lr')
    assert resumed == {step: rate for step, rate in whole.items() if step > 3}
