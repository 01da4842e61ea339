"""Errors of components that are built from a config, named by their config key."""
from __future__ import annotations

import difflib
import inspect
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.runner import Runner

from lrfr_mm import registry
from lrfr_mm.errors import ConfigError, UserError
from lrfr_mm.registry import type_name

__all__ = ['arguments_of', 'check_optimizer', 'component_class', 'naming_components', 'near_names']

_UNKNOWN = re.compile(r"['\"]?([\w.]+) is not in the (?:\w+::)?([\w ]+) registry")
_RUNNER_FILE = inspect.getsourcefile(Runner)
_RUNNER_CHECKS = ('__init__', 'from_cfg', 'set_randomness', 'setup_env', '_check_scheduler_cfg')
_BUILDERS = ('build_from_cfg', 'build_scheduler_from_cfg')


def component_class(config: dict) -> type | None:
    """The class or function that a config's ``type`` names; None if no registry has it."""
    kind = config.get('type')
    if callable(kind):
        return kind
    for candidate in _registries():
        found = candidate.get(kind) if isinstance(kind, str) else None
        if found is not None:
            return found
    return None


def arguments_of(component) -> tuple[set[str], bool]:
    """Names of a component's keyword arguments, those of its base classes included where it passes
    ``**kwargs`` on, and whether it takes any others.
    """
    names: set[str] = set()
    any_other = False
    for owner in inspect.getmro(component) if inspect.isclass(component) else (component,):
        parameters = inspect.signature(owner).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
        any_other = True
    return names, any_other


def near_names(name: str, known: Iterable[str]) -> str:
    """``'; near it: a, b'`` for the names of ``known`` that are spelled alike, or all of them."""
    known = sorted(set(known))
    lower = {other.lower(): other for other in known}
    near = [lower[match]
            for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=.5)]
    return f'; near it: {", ".join(near)}' if near else f'; there are {", ".join(known)}'


@contextmanager
def naming_components(config: Config | dict) -> Iterator[None]:
    """Turn what a component's constructor raises for its arguments into a ConfigError.

    Only exceptions that passed mmengine's build functions are turned: those of a hook, of a forward
    pass or of a data pipeline that runs are not.

    Args:
        config: The config that is built from, in which the key is looked up.

    Raises:
        ConfigError: Whose text begins with the config key of the component.
    """
    try:
        yield
    except UserError:
        raise
    except (TypeError, ValueError, KeyError, AssertionError, OSError, ImportError) as error:
        built = _config_being_built(error)
        if built is None and _refused_by_runner(error):
            raise ConfigError(' '.join(str(error).split())) from error
        if built is None or (isinstance(error, KeyError) and not _UNKNOWN.search(str(error))):
            raise
        known = config.to_dict() if isinstance(config, Config) else config
        key = _find_key(known, built) or type_name(built)
        raise ConfigError(_explain(key, built, error)) from error


def check_optimizer(config: Config) -> None:
    """Raise ConfigError if the optimizer's type is not registered, which mmengine does not check.
    """
    kind = ((config.get('optim_wrapper') or {}).get('optimizer') or {}).get('type')
    if isinstance(kind, str) and registry.OPTIMIZERS.get(kind) is None:
        raise ConfigError(_unregistered('optim_wrapper.optimizer', kind, 'optimizer'))


def _registries() -> list[registry.Registry]:
    found = []
    for candidate in vars(registry).values():
        if isinstance(candidate, registry.Registry) and candidate not in found:
            found.append(candidate)
    return found


def _config_being_built(error: BaseException) -> dict | None:
    """Config of the innermost component whose construction raised ``error``; None if there is none.
    """
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name in _BUILDERS and isinstance(frame.f_locals.get('cfg'), dict):
            found = dict(frame.f_locals['cfg'])
    return found


def _refused_by_runner(error: BaseException) -> bool:
    """Whether mmengine's Runner itself raised ``error`` for a setting that it was given."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    code = frame.f_code
    return (isinstance(error, (TypeError, ValueError)) and code.co_filename == _RUNNER_FILE
            and (code.co_name in _RUNNER_CHECKS or code.co_name.startswith('build_')))


def _find_key(node, built: dict, path: str = '') -> str | None:
    """Key of the part of ``node`` that ``built`` was made from: of the same type, and with no value
    that ``built`` lacks (builders add values, e.g. ``in_channels``).
    """
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        here = f'{path}.{key}' if path else str(key)
        if isinstance(value, dict) and value.get('type') and type_name(value) == type_name(built) \
                and all(k == 'type' or (k in built and built[k] == v) for k, v in value.items()
                        if not isinstance(v, (dict, list))):
            return here
        if isinstance(value, (dict, list, tuple)):
            found = _find_key(value, built, here)
            if found:
                return found
    return None


def _explain(key: str, built: dict, error: BaseException) -> str:
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    unknown = _UNKNOWN.search(text)
    if unknown:
        return _unregistered(key, *unknown.groups())
    wrong = re.search(r"unexpected keyword argument '(\w+)'", text)
    if wrong:
        names, _ = arguments_of(component_class(built))
        return (f"{key}.{wrong[1]}: {type_name(built)} has no argument '{wrong[1]}'"
                f'{near_names(wrong[1], names)}')
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [repr(error)]
    return f'{key}: {" ".join(lines)}'


def _unregistered(key: str, name: str, kind: str) -> str:
    return (f'{key}.type: {name!r} is not a registered {kind}{near_names(name, _known(kind))}. '
            'A component of your own needs custom_imports in the config.')


def _known(kind: str) -> set[str]:
    """Names in the registries of a kind, e.g. 'model'."""
    names: set[str] = set()
    for candidate in _registries():
        if candidate.name == kind:
            while candidate is not None:
                candidate.import_from_location()
                names |= set(candidate.module_dict)
                candidate = candidate.parent
    return names
