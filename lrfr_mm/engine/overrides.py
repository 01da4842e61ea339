"""Overrides of a config from the command line: their values, and which keys may be set."""
from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Mapping

from mmengine.config import Config, DictAction
from mmengine.runner import LogProcessor, Runner
from torch.utils.data import DataLoader

from lrfr_mm.engine.components import arguments_of, component_class, near_names
from lrfr_mm.errors import ConfigError
from lrfr_mm.registry import type_name

__all__ = ['apply_overrides', 'check_loaders']

# Settings of ours beside the arguments of mmengine's Runner.
_TOP_LEVEL = ('activation_checkpointing', 'auto_scale_lr', 'custom_imports', 'data_root',
              'efficient_conv_bn_eval', 'load_from_head', 'log_level', 'model_wrapper_cfg')
# Keys that mmengine's Runner takes out of a loader's settings before torch sees them.
_LOADER = ('dataset', 'num_batch_per_epoch')
# Keys that mmengine's build functions take out of a component's config.
_BUILDER = dict(optim_wrapper=('constructor', 'paramwise_cfg'),
                param_scheduler=('convert_to_iter_based', 'epoch_length'))
# Dicts that are no components.
_PLAIN = dict(env_cfg=('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
              randomness=[*inspect.signature(Runner.set_randomness).parameters][1:],
              log_processor=[*inspect.signature(LogProcessor.__init__).parameters, 'type'][1:])
_PATHS = ('data_root', 'load_from', 'work_dir')


def apply_overrides(config: Config, overrides: Mapping[str, object]) -> None:
    """Merge overrides into ``config``, in place.

    ``data_root`` comes first: every path of the config that begins with its old value moves with
    it, with or without a slash at the end of the new one. The values of other overrides are not
    moved.

    Args:
        config: The config.
        overrides: Dotted keys to values, or to texts of the command line, which are parsed as
            mmengine does, except that the text for a key whose value is a text stays one.

    Raises:
        ConfigError: For a key that nothing reads; the text has the near ones. Keys of components
            must be arguments of the component's class.
    """
    values = {key: _parse(config, key, value) for key, value in overrides.items()}
    if 'data_root' in values:
        new, old = values.pop('data_root'), config.get('data_root')
        if not isinstance(new, str):
            raise ConfigError(f'data_root: a path is needed, got {new!r}')
        if old and old.endswith('/') and not new.endswith('/'):
            new += '/'
        if old:
            _move(config._cfg_dict, old, new)
        config.data_root = new
    before = Config(config.to_dict())
    try:
        config.merge_from_dict(values)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ConfigError(f'--cfg-options {", ".join(values)}: {error.args[0]}') from error
    for key in values:
        _check_key(before, config, key.split('.'))


def check_loaders(config: Config) -> None:
    """Raise ConfigError for settings of a data loader that nothing reads."""
    known = _loader_settings()
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for name in config.get(key) or {}:
            if name not in known:
                raise ConfigError(f'{key}.{name}: a data loader has no such setting'
                                  f'{near_names(name, known)}')


def _parse(config: Config, key: str, value):
    if not isinstance(value, str):
        return value
    present = _lookup(config, key.split('.'))
    if value[:1] in ('[', '(', '{'):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            pass  # mmengine's form without quotation marks, [a,b]
    parser = argparse.ArgumentParser()
    parser.add_argument('--value', nargs='+', action=DictAction)
    try:
        parsed = parser.parse_args(['--value', f'value={value}']).value['value']
    except (AssertionError, ValueError, SyntaxError) as error:
        raise ConfigError(f'{key}={value}: {error}') from error
    items = parsed if isinstance(parsed, (list, tuple)) else (parsed,)
    if any(isinstance(item, str) and item.startswith(('{', 'dict(')) for item in items) or (
            isinstance(present, (dict, Config)) and parsed is not None):
        raise ConfigError(f"{key}={value}: a dict is written as a Python literal, "
                          "\"{'type': 'NAME'}\", and a list of them \"[{'type': 'NAME'}]\"")
    text = isinstance(present, str) or key.rpartition('.')[2] in _PATHS
    if text and not (parsed is None or isinstance(parsed, bool) or value[:1] in '[('):
        return value
    return parsed


def _lookup(node, path: list[str]):
    for part in path:
        try:
            node = node[int(part)] if isinstance(node, (list, tuple)) else node[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return node


def _move(node, old: str, new: str) -> None:
    """Replace the beginning ``old`` of every text below ``node`` by ``new``."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        value = node[key]
        if isinstance(value, str) and value.startswith(old):
            node[key] = new + value[len(old):]
        elif isinstance(value, (dict, list)):
            _move(value, old, new)


def _check_key(before, merged, path: list[str]) -> None:
    """Refuse ``path`` if its first part that ``before`` lacks is one that nothing reads."""
    for depth, part in enumerate(path):
        if isinstance(before, (list, tuple)):
            if not part.isdigit() or int(part) >= len(before):
                return  # a new element: it is built, or refused, as a whole
            before, merged = before[int(part)], merged[int(part)]
            continue
        if not isinstance(before, (dict, Config)):
            return  # a plain value became a dict
        if part not in before or _type(before) != _type(merged):
            known = _settings(path[:depth], merged)
            if part != '_delete_' and known is not None and part not in known:
                raise ConfigError(f'{".".join(path[:depth + 1])}: there is no such setting'
                                  f'{near_names(part, [*known, *before])}')
        if part not in before:
            return
        before, merged = before[part], merged[part]


def _type(node) -> str:
    return type_name(node) if node.get('type') else ''


def _settings(path: list[str], node) -> set[str] | None:
    """Names of all settings of the dict at ``path``; None if it may hold any."""
    if not path:
        return {*inspect.signature(Runner.__init__).parameters, *_TOP_LEVEL} - {'self'}
    if path[-1] in ('train_dataloader', 'val_dataloader', 'test_dataloader') and len(path) == 1:
        return _loader_settings()
    if len(path) == 1 and path[0] in _PLAIN and not node.get('type'):
        return set(_PLAIN[path[0]])
    if path == ['default_hooks']:
        return {name for name, hook in node.items() if hook is None or hook.get('type')}
    component = component_class(node) if node.get('type') else None
    if component is None:
        return None
    names, any_other = arguments_of(component)
    return None if any_other else {'type', '_scope_', *names, *_BUILDER.get(path[0], ())}


def _loader_settings() -> set[str]:
    return {*inspect.signature(DataLoader.__init__).parameters, *_LOADER} - {'self'}
