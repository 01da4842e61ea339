"""The form of a config: which settings must be there, and which hold components or numbers."""
from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral

from mmengine.config import Config

from lrfr_mm.errors import ConfigError

__all__ = ['check_structure']

_TRAINING = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
_VALIDATION = ('val_dataloader', 'val_cfg', 'val_evaluator')
_TESTING = ('model', 'test_dataloader', 'test_cfg', 'test_evaluator')
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Settings whose value is a component, and those whose value is a list of them (or a single one).
_COMPONENTS = ('model', 'model.backbone', 'model.neck', 'model.head', 'model.contrast_loss',
               'model.teacher', 'model.data_preprocessor', 'optim_wrapper.optimizer',
               'train_dataloader.dataset.source', 'train_dataloader.sampler')
_LISTS = ('model.losses', 'custom_hooks', 'param_scheduler', 'val_evaluator', 'test_evaluator',
          'train_dataloader.dataset', 'train_dataloader.dataset.pipeline',
          'val_dataloader.dataset', 'test_dataloader.dataset')
_DICTS = (*_LOADERS, 'optim_wrapper', 'train_cfg', 'val_cfg', 'test_cfg', 'default_hooks')


def check_structure(config: Config, train: bool) -> None:
    """Check what mmengine and torch would find later, without the name of the setting.

    Args:
        config: The config.
        train: It is for training; else for testing.

    Raises:
        ConfigError: If a setting that is needed is missing, a component is not a dict with
            ``type``, or a number of a data loader is none; the text begins with the key.
    """
    for key in _TRAINING if train else _TESTING:
        if config.get(key) is None:
            raise ConfigError(f'{key}: {"training" if train else "testing"} needs it, and the '
                              'config does not have it')
    given = [key for key in _VALIDATION if config.get(key) is not None]
    if train and given and len(given) < len(_VALIDATION):
        missing = next(key for key in _VALIDATION if key not in given)
        raise ConfigError(f'{missing}: it is missing beside {" and ".join(given)}; a validation '
                          f'needs {", ".join(_VALIDATION)}, a training without one has none')
    for key in _DICTS:
        value = _value(config, key)
        if value is not None and not isinstance(value, dict):
            raise ConfigError(f'{key}: a dict is needed, got {value!r}')
    for key in _COMPONENTS:
        _check_component(key, _value(config, key))
    for key in _LISTS:
        value = _value(config, key)
        for place, item in _items(key, value):
            _check_component(place, item)
    for key in _LOADERS:
        loader = config.get(key) or {}
        for name, least in (('batch_size', 1), ('num_workers', 0)):
            _check_count(f'{key}.{name}', loader.get(name), least)
    _check_count('randomness.seed', (config.get('randomness') or {}).get('seed'), 0)


def _value(node, key: str):
    for part in key.split('.'):
        node = node.get(part) if isinstance(node, (dict, Config)) else None
    return node


def _items(key: str, value) -> Iterator[tuple[str, object]]:
    if key == 'param_scheduler' and isinstance(value, dict) and not value.get('type'):
        return  # mmengine's form for several optimizers: name to list
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield f'{key}.{index}', item
    else:
        yield key, value


def _check_component(key: str, value) -> None:
    """An object that is built already is a component, too."""
    if value is None:
        return
    if isinstance(value, dict) and not value.get('type'):
        raise ConfigError(f"{key}: there is no type, the name of a component's class")
    if isinstance(value, (str, bytes, int, float, list, tuple)):
        raise ConfigError(f"{key}: a component is a dict with its type, e.g. {{'type': 'NAME'}}, "
                          f'got {value!r}')


def _check_count(key: str, value, least: int) -> None:
    if value is not None and (not isinstance(value, Integral) or isinstance(value, bool)
                              or value < least):
        raise ConfigError(f'{key}: a whole number of at least {least} is needed, got {value!r}')
