"""Methods as configs: what each changes in the common base, on any base, and what it searches."""
from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from lrfr_mm.engine.config import read_config
from lrfr_mm.engine.overrides import apply_overrides
from lrfr_mm.errors import ConfigError, InputMissingError
from lrfr_mm.registry import type_name

__all__ = ['Change', 'Method', 'apply_changes', 'method_config', 'read_methods', 'value_of',
           'views_on_device', 'with_epochs', 'with_values']

_REMOVED = object()
_PIPELINE = ('train_dataloader', 'dataset', 'pipeline')
_NOT_THE_METHOD = ('search', 'teacher_row', 'work_dir', 'test_dataloader', 'test_evaluator',
                   'val_dataloader', 'val_evaluator')
Change = tuple[tuple[str, ...], Any]


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        name: Name of the config file.
        changes: What it changes in the common base: path of keys to the new value.
        search: Config key of its main hyper-parameter, as for ``--cfg-options``, to the values to
            try; several keys are combined.
        teacher: Method whose trained network is this one's teacher (the config's ``teacher_row``).
    """

    name: str
    changes: list[Change]
    search: dict[str, list] = field(default_factory=dict)
    teacher: str | None = None

    def candidates(self) -> list[dict[str, Any]]:
        """All combinations of the searched values; one empty one without a search."""
        return [dict(zip(self.search, values, strict=True))
                for values in itertools.product(*self.search.values())]


def read_methods(directory: Path, common: Config, names: list[str] | None = None) -> list[Method]:
    """The methods of ``directory``, a config file each; those asked for, and their teachers.

    Args:
        directory: E.g. ``configs/methods``.
        common: The base that all configs of the directory share.
        names: Names of the methods wanted; None for all.

    Raises:
        InputMissingError: If there is none, or none of a name.
        ConfigError: If a ``search`` is not a dict of lists, or a teacher is no method, or has a
            teacher itself.
    """
    paths = {path.stem: path for path in sorted(directory.glob('*.py'))}
    if not paths:
        raise InputMissingError(f'{directory} has no config of a method')
    for name in names or ():
        if name not in paths:
            raise InputMissingError(f'{directory} has no method {name!r}; it has '
                                    f'{", ".join(paths)}')
    methods = [_read_method(paths[name], common) for name in names or paths]
    have = {method.name for method in methods}
    for student in [method for method in methods if method.teacher is not None]:
        path = paths.get(student.teacher)
        if path is None:
            raise ConfigError(f'{paths[student.name]}: teacher_row names {student.teacher!r}; '
                              f'{directory} has {", ".join(paths)}')
        teacher = _read_method(path, common)
        if teacher.teacher is not None:
            raise ConfigError(f'{paths[student.name]}: the teacher {teacher.name} has a teacher '
                              'itself')
        if teacher.name not in have:
            have.add(teacher.name)
            methods.append(teacher)
    return methods


def _read_method(path: Path, common: Config) -> Method:
    config = read_config(str(path))
    search = config.get('search', {})
    if not isinstance(search, dict) or not all(isinstance(values, list) and values
                                               for values in search.values()):
        raise ConfigError(f'{path}: search must be a dict of config keys and lists of values')
    return Method(path.stem, list(_differences(common.to_dict(), config.to_dict())), dict(search),
                  config.get('teacher_row'))


def _differences(base: dict, other: dict, path: tuple[str, ...] = ()) -> Iterator[Change]:
    for key in [*base, *(key for key in other if key not in base)]:
        here = (*path, key)
        if not path and key in _NOT_THE_METHOD:
            continue
        if key not in other:
            yield here, _REMOVED
        elif key not in base:
            yield here, other[key]
        elif base[key] != other[key]:
            # A component of another type replaces the base's, also in another base.
            if (isinstance(base[key], dict) and isinstance(other[key], dict)
                    and type_name(base[key]) == type_name(other[key])):
                yield from _differences(base[key], other[key], here)
            else:
                yield here, other[key]


def apply_changes(base: Config, changes: list[Change]) -> Config:
    """A copy of ``base`` with the changes of a method.

    A changed pipeline takes the place of the base's MultiResAug, so that other steps stay.

    Raises:
        ConfigError: If the base lacks what a change is made in.
    """
    changed = copy.deepcopy(base)
    for path, value in changes:
        node = changed._cfg_dict
        for depth, key in enumerate(path[:-1]):
            if not isinstance(node.get(key), dict):
                raise ConfigError(f'the base has no {".".join(path[:depth + 1])}, in which the '
                                  f'method changes {".".join(path)}')
            node = node[key]
        if path == _PIPELINE:
            node[path[-1]] = _pipeline(node[path[-1]], value)
        elif value is _REMOVED:
            node.pop(path[-1], None)
        else:
            node[path[-1]] = copy.deepcopy(value)
    return changed


def method_config(base: Config, method: Method) -> Config:
    """The config of a method on ``base``, with the values that the base has for it.

    The base's ``method_values`` names methods, and for each the dotted keys and values that fit it
    to this base, after its own changes: the size and the start of a network that it brings.

    Raises:
        ConfigError: As of :func:`apply_changes`, or for a key that nothing reads.
    """
    config = apply_changes(base, method.changes)
    return with_values(config, config.pop('method_values', {}).get(method.name, {}))


def _pipeline(steps: list[dict], method: list[dict]) -> list[dict]:
    places = [k for k, step in enumerate(steps) if type_name(step) == 'MultiResAug']
    if len(places) != 1:
        raise ConfigError("the method changes the views, so the base's train_dataloader.dataset."
                          f'pipeline needs one MultiResAug, it has {len(places)}')
    return [*steps[:places[0]], *copy.deepcopy(method), *steps[places[0] + 1:]]


def with_values(config: Config, values: dict[str, Any]) -> Config:
    """A copy of ``config`` with searched values set.

    Raises:
        ConfigError: For a key that nothing reads.
    """
    changed = copy.deepcopy(config)
    apply_overrides(changed, values)
    return changed


def value_of(config: Config, key: str) -> Any:
    """The value of a dotted key, in which numbers are places of a list; None if it is not set."""
    node = config
    for part in key.split('.'):
        node = node[int(part)] if isinstance(node, (list, tuple)) else node.get(part)
        if node is None:
            return None
    return node


def with_epochs(config: Config, epochs: int) -> Config:
    """A copy of ``config`` that trains ``epochs`` epochs, with a schedule of the same shape.

    Raises:
        ConfigError: If it does not train by epochs, or a scheduler does not count them.
    """
    changed = copy.deepcopy(config)
    if 'max_epochs' not in changed.train_cfg:
        raise ConfigError('train_cfg.max_epochs: --epochs needs a base that trains by epochs')
    scale = epochs / changed.train_cfg.max_epochs
    for k, scheduler in enumerate(changed.get('param_scheduler') or []):
        if not (scheduler.get('by_epoch', True) and scheduler.get('convert_to_iter_based')):
            raise ConfigError(f'param_scheduler.{k}: --epochs needs by_epoch=True and '
                              'convert_to_iter_based=True')
        for key in ('begin', 'end', 'T_max'):
            if key in scheduler:
                scheduler[key] *= scale
    changed.train_cfg.max_epochs = epochs
    return changed


def views_on_device(config: Config) -> Config:
    """A copy of ``config`` whose preprocessor makes the LR views, a batch at a time.

    They have the same draws and the same pixels as those of the transform MultiResAug, which must
    be the last of its pipeline; a config without one is copied as it is.
    """
    changed = copy.deepcopy(config)
    pipeline = changed.train_dataloader.dataset.get('pipeline') or []
    if pipeline and type_name(pipeline[-1]) == 'MultiResAug':
        step = pipeline.pop()
        settings = {key: step[key] for key in step if key not in ('type', 'backend', 'seed')}
        changed.model.setdefault('data_preprocessor', dict(type='FacePreprocessor'))
        changed.model.data_preprocessor.multi_res = settings
    return changed
