"""Registries of lrfr_mm, children of mmengine's: building from a config needs no import by the user."""
from mmengine.registry import DATA_SAMPLERS as _DATA_SAMPLERS
from mmengine.registry import DATASETS as _DATASETS
from mmengine.registry import FUNCTIONS as _FUNCTIONS
from mmengine.registry import HOOKS as _HOOKS
from mmengine.registry import LOOPS as _LOOPS
from mmengine.registry import METRICS as _METRICS
from mmengine.registry import MODELS as _MODELS
from mmengine.registry import OPTIM_WRAPPERS as _OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as _TRANSFORMS
from mmengine.registry import Registry

__all__ = ['DATASETS', 'DATA_SAMPLERS', 'FUNCTIONS', 'HOOKS', 'LOOPS', 'METRICS', 'MODELS',
           'OPTIM_WRAPPERS', 'SOURCES', 'TRANSFORMS']


def _child(parent: Registry, location: str) -> Registry:
    return Registry(parent.name, parent=parent, scope='lrfr_mm', locations=[location])


DATASETS = _child(_DATASETS, 'lrfr_mm.datasets')
DATA_SAMPLERS = _child(_DATA_SAMPLERS, 'lrfr_mm.datasets')
FUNCTIONS = _child(_FUNCTIONS, 'lrfr_mm.datasets')
TRANSFORMS = _child(_TRANSFORMS, 'lrfr_mm.datasets')
SOURCES = Registry('source', scope='lrfr_mm', locations=['lrfr_mm.datasets.sources'])
MODELS = _child(_MODELS, 'lrfr_mm.models')
METRICS = _child(_METRICS, 'lrfr_mm.evaluation')
HOOKS = _child(_HOOKS, 'lrfr_mm.engine')
LOOPS = _child(_LOOPS, 'lrfr_mm.engine')
OPTIM_WRAPPERS = _child(_OPTIM_WRAPPERS, 'lrfr_mm.engine')
