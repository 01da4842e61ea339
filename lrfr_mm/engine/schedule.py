"""Schedules and hyperparameters of a resumed training: the config's, at the resumed position."""
from __future__ import annotations

import warnings
from collections.abc import Sequence

from lrfr_mm.errors import ConfigError

__all__ = ['follow_config']

# What changes while a schedule runs; the rest of its state comes from the config.
_POSITION = ('last_step', '_global_step', '_last_value', '_get_lr_called_within_step', 'verbose')


def follow_config(schedulers: Sequence, optimizer, saved: dict, epochs: int, epoch_length: int,
                  iterations: int) -> list[str]:
    """Make a checkpoint's optimizer and schedules those that the config describes.

    mmengine restores the saved schedules and hyperparameters, so that changes of the config have no
    effect. Here every hyperparameter comes from the config. A schedule that is configured as it was
    saved keeps its saved position; if any differs, all are stepped from the beginning to the
    resumed position, which gives the rates of an undisturbed run.

    Args:
        schedulers: mmengine's schedulers of the new run, none of them stepped yet.
        optimizer: The new run's optimizer.
        saved: The checkpoint; its 'optimizer' and 'param_schedulers' are changed in place.
        epochs: Whole epochs that were trained.
        epoch_length: Iterations of an epoch of the new run.
        iterations: Iterations up to the resumed position, in those of the new run.

    Returns:
        What differs from the checkpoint, e.g. ``'CosineAnnealingLR.T_max 48 -> 96'``.

    Raises:
        ConfigError: If a schedule that differs depends on a metric, and so cannot be stepped.
    """
    states = saved.get('param_schedulers') or []
    changed = _differences(schedulers, states)
    if changed:
        for scheduler in schedulers:
            if getattr(scheduler, 'need_val_args', False):
                raise ConfigError(f'param_scheduler: {type(scheduler).__name__} depends on a '
                                  'metric and cannot be resumed with other settings: '
                                  + ', '.join(changed))
        _step_to(schedulers, epochs, epoch_length, iterations)
        saved['param_schedulers'] = [scheduler.state_dict() for scheduler in schedulers]
    scheduled = set() if changed else {scheduler.param_name for scheduler in schedulers}
    scheduled |= {f'initial_{name}' for name in scheduled}
    groups = saved['optimizer']['param_groups']
    for number, (new, old) in enumerate(zip(optimizer.param_groups, groups)):
        for name, value in new.items():
            if name == 'params' or name in scheduled or old.get(name) == value:
                continue
            # The rate itself is moved by the schedules, whose differences are listed already.
            if name in old and number == 0 and not (schedulers and name.endswith('lr')):
                changed.append(f'optimizer.{name} {old[name]} -> {value}')
            old[name] = value
    return changed


def _differences(schedulers: Sequence, states: Sequence[dict]) -> list[str]:
    if len(schedulers) != len(states):
        return [f'number of schedules {len(states)} -> {len(schedulers)}']
    changed = []
    for scheduler, old in zip(schedulers, states):
        new = scheduler.state_dict()
        changed += [f'{type(scheduler).__name__}.{name} {old.get(name)} -> {new.get(name)}'
                    for name in [*new, *(n for n in old if n not in new)]
                    if name not in _POSITION and old.get(name) != new.get(name)]
    return changed


def _step_to(schedulers: Sequence, epochs: int, epoch_length: int, iterations: int) -> None:
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    by_iteration = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # schedules stepped before the optimizer
        for epoch in range(epochs + 1):
            last = iterations - epochs * epoch_length if epoch == epochs else epoch_length
            for _ in range(last if by_iteration else 0):
                for scheduler in by_iteration:
                    scheduler.step()
            for scheduler in by_epoch if epoch < epochs else ():
                scheduler.step()
