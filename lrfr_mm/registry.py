"""Registries of lrfr_mm, children of mmengine's.

Each names the package that registers its components (``locations``); it is imported when a name is
first looked up, so that a config builds everything without an import by the user.
"""
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from mmengine.registry import DATA_SAMPLERS as _DATA_SAMPLERS
from mmengine.registry import DATASETS as _DATASETS
from mmengine.registry import FUNCTIONS as _FUNCTIONS
from mmengine.registry import HOOKS as _HOOKS
from mmengine.registry import LOG_PROCESSORS as _LOG_PROCESSORS
from mmengine.registry import LOOPS as _LOOPS
from mmengine.registry import METRICS as _METRICS
from mmengine.registry import MODEL_WRAPPERS as _MODEL_WRAPPERS
from mmengine.registry import MODELS as _MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as _OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as _OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as _OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as _PARAM_SCHEDULERS
from mmengine.registry import TRANSFORMS as _TRANSFORMS
from mmengine.registry import VISBACKENDS as _VISBACKENDS
from mmengine.registry import VISUALIZERS as _VISUALIZERS
from mmengine.registry import WEIGHT_INITIALIZERS as _WEIGHT_INITIALIZERS
from mmengine.registry import Registry

from lrfr_mm.errors import reading

__all__ = ['CONVERTERS', 'DATASETS', 'DATA_SAMPLERS', 'DETECTORS', 'EXPORT_TARGETS', 'FORMATS',
           'FUNCTIONS', 'GALLERIES', 'HOOKS', 'LOG_PROCESSORS', 'LOOPS', 'METRICS', 'MODELS',
           'MODEL_WRAPPERS', 'OPTIMIZERS', 'OPTIM_WRAPPERS', 'OPTIM_WRAPPER_CONSTRUCTORS',
           'PARAM_SCHEDULERS', 'SOURCES', 'TRANSFORMS', 'VISBACKENDS', 'VISUALIZERS',
           'WEIGHT_INITIALIZERS', 'import_modules', 'type_name']


def _import_optimizers() -> None:
    """Import mmengine's optimizers without transformers, which takes longer than all else.

    mmengine imports transformers, where it is installed, to register its Adafactor; here it is
    imported when a config builds that optimizer.
    """
    if 'mmengine.optim' in sys.modules or 'transformers' in sys.modules \
            or find_spec('transformers') is None:
        return
    sys.modules['transformers'] = None  # an import of it raises ImportError
    try:
        import_module('mmengine.optim')
    finally:
        del sys.modules['transformers']
    if 'Adafactor' not in _OPTIMIZERS:
        _OPTIMIZERS.register_module(name='Adafactor', module=_adafactor)


def _adafactor(*args, **kwargs):
    from transformers import Adafactor
    return Adafactor(*args, **kwargs)


_import_optimizers()


def type_name(config: dict) -> str:
    """Name of a config's ``type``, which is a registered name ('CosFaceHead', with or without a
    scope) or, in mmengine's pure Python configs, the class.

    Returns:
        The class's name without scope, '' where there is no type.
    """
    kind = config.get('type') or ''
    return getattr(kind, '__name__', None) or str(kind).rpartition('.')[2]


# Some of these children register nothing of ours. mmengine warns when a scope lacks a registry, so
# they exist to let it resolve its own components (optimizers, visualizers) in our scope.
def _child(parent: Registry, location: str) -> Registry:
    return Registry(parent.name, parent=parent, scope='lrfr_mm', locations=[location])


DATASETS = _child(_DATASETS, 'lrfr_mm.datasets')
DATA_SAMPLERS = _child(_DATA_SAMPLERS, 'lrfr_mm.datasets')
FUNCTIONS = _child(_FUNCTIONS, 'lrfr_mm.datasets')
TRANSFORMS = _child(_TRANSFORMS, 'lrfr_mm.datasets')
DETECTORS = Registry('detector', scope='lrfr_mm', locations=['lrfr_mm.datasets.alignment'])
SOURCES = Registry('source', scope='lrfr_mm', locations=['lrfr_mm.datasets'])
FORMATS = Registry('format', scope='lrfr_mm', locations=['lrfr_mm.datasets'])
MODELS = _child(_MODELS, 'lrfr_mm.models')
CONVERTERS = Registry('converter', scope='lrfr_mm', locations=['lrfr_mm.models.converters'])
METRICS = _child(_METRICS, 'lrfr_mm.evaluation')
HOOKS = _child(_HOOKS, 'lrfr_mm.engine')
LOOPS = _child(_LOOPS, 'lrfr_mm.engine')
OPTIM_WRAPPERS = _child(_OPTIM_WRAPPERS, 'lrfr_mm.engine')
MODEL_WRAPPERS = _child(_MODEL_WRAPPERS, 'lrfr_mm.engine')
OPTIMIZERS = _child(_OPTIMIZERS, 'lrfr_mm.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(_OPTIM_WRAPPER_CONSTRUCTORS, 'lrfr_mm.engine')
PARAM_SCHEDULERS = _child(_PARAM_SCHEDULERS, 'lrfr_mm.engine')
VISBACKENDS = _child(_VISBACKENDS, 'lrfr_mm.engine')
VISUALIZERS = _child(_VISUALIZERS, 'lrfr_mm.engine')
WEIGHT_INITIALIZERS = _child(_WEIGHT_INITIALIZERS, 'lrfr_mm.models')
LOG_PROCESSORS = _child(_LOG_PROCESSORS, 'lrfr_mm.engine')
GALLERIES = Registry('gallery', scope='lrfr_mm', locations=['lrfr_mm.apis.gallery'])
EXPORT_TARGETS = Registry('export target', scope='lrfr_mm', locations=['lrfr_mm.deployment'])


def import_modules(modules: Sequence[str]) -> None:
    """Import modules that register components; those in the current directory are found as well.

    Raises:
        InputError: If one cannot be imported; the text names it.
    """
    if modules and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in modules:
        with reading(f'custom import {module}'):
            import_module(module)
