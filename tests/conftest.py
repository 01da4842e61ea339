import gc
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from mmengine.registry import init_default_scope

import tests.processes  # noqa: F401  sets what the fork server imports

# Property tests draw the same examples every time, and a slow machine is no failure: a failure is a
# bug, not bad luck.
settings.register_profile('fixed', derandomize=True, deadline=None, max_examples=30,
                          database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('fixed')

ROOT = Path(__file__).parents[1]

# A forked process (a worker of a loader) must not collect what this one has left: destroying a
# session of onnxruntime, whose threads it does not have, waits for ever.
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)


@pytest.fixture(autouse=True)
def _seeded_and_scoped():
    init_default_scope('lrfr_mm')
    torch.manual_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope='session')
def faces_root():
    """The folder of real faces; LRFR_DATA names it."""
    root = Path(os.environ.get('LRFR_DATA', ROOT / '..' / 'shared' / 'data'))
    if not root.is_dir():
        pytest.skip(f'no real faces in {root}: set LRFR_DATA')
    return root
