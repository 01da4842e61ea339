"""Loading mmengine's checkpoints as data, never as code.

``torch.load(weights_only=True)`` refuses the HistoryBuffer and the numpy scalars that mmengine's
message hub puts into a checkpoint. Exactly these are allowed here, and no others. A pickled
HistoryBuffer looks up its four statistics by ``getattr``: that name resolves to a function that
returns these four alone. ``lrfr_mm.models`` allows them when it is imported, so that ``init_cfg``
of type Pretrained reads the checkpoints of trainings in a notebook too.
"""
from __future__ import annotations

import os

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer

__all__ = ['allow_checkpoint_classes']


def _statistic(owner: type, name: str):
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise ValueError(f'the checkpoint asks for {owner!r}.{name}, which is not data')
    return getattr(HistoryBuffer, name)


# torch finds an allowed global by these names.
_statistic.__module__ = 'builtins'
_statistic.__qualname__ = _statistic.__name__ = 'getattr'


def allow_checkpoint_classes() -> None:
    """Allow the plain classes of mmengine's checkpoints, and make ``weights_only`` the default."""
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'  # torch before 2.6 would load code
    multiarray = np._core.multiarray if hasattr(np, '_core') else np.core.multiarray
    numbers = [type(np.dtype(kind)) for kind in ('bool', 'int32', 'int64', 'uint8', 'uint64',
                                                 'float32', 'float64')]
    torch.serialization.add_safe_globals([_statistic, HistoryBuffer, np.ndarray, np.dtype,
                                          multiarray._reconstruct, multiarray.scalar, *numbers])
