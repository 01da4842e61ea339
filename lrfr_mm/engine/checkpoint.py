"""Loading mmengine's checkpoints as data, never as code.

``torch.load(weights_only=True)`` refuses the HistoryBuffer and the numpy scalars that mmengine's
message hub puts into a checkpoint. Exactly these are allowed here; nothing is opened up otherwise.
A HistoryBuffer names its four statistics by ``getattr``: that name gets a stand-in that knows these
four alone.
"""
from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import torch
from mmengine.fileio.backends import LocalBackend, register_backend
from mmengine.logging.history_buffer import HistoryBuffer
from safetensors.torch import load_file

from lrfr_mm.files import whole_file

__all__ = ['allow_checkpoint_classes', 'check_checkpoint', 'find_checkpoint', 'load_recognizer',
           'read_checkpoint', 'spread_like', 'whole_tensor', 'write_whole_files']


class WholeFileBackend(LocalBackend):
    """mmengine's local files, each written under a temporary name and moved: what a killed process
    or a full disk leaves is the old checkpoint, never half of a new one.
    """

    def put(self, obj: bytes, filepath) -> None:
        with whole_file(filepath) as part:
            part.write_bytes(obj)


def write_whole_files() -> None:
    """Make mmengine write its checkpoints, and all else that goes by its file layer, that way."""
    register_backend('local', WholeFileBackend, force=True, prefixes='')


def find_checkpoint(work_dir: str) -> Path | None:
    """The checkpoint of ``work_dir`` with the most epochs or iterations; None if there is none.

    Looks at the files, not at mmengine's note ``last_checkpoint``, which a kill can leave empty and
    a moved folder makes wrong.
    """
    found = [(int(match[1]), path) for path in Path(work_dir).glob('*.pth')
             if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', path.name))]
    return max(found)[1] if found else None


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


def read_checkpoint(path: str) -> dict:
    """The contents of a checkpoint (.pth, or .safetensors of weights alone), on the CPU.

    Raises:
        FileNotFoundError: If ``path`` is not there.
        ValueError: If it is not a checkpoint, is cut, or holds more than data.
    """
    allow_checkpoint_classes()
    if not os.path.isfile(path):
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    try:
        if str(path).endswith('.safetensors'):
            return dict(state_dict=load_file(path))
        saved = torch.load(path, map_location='cpu', weights_only=True)
        return saved if 'state_dict' in saved else dict(state_dict=saved)
    except Exception as error:  # a foreign or cut file can fail anywhere in torch's reader
        lines = [line.strip() for line in str(error).splitlines() if 'rror:' in line or 'nsupported'
                 in line] or [str(error).partition('\n')[0] or type(error).__name__]
        raise ValueError(f'{path} is not a checkpoint: {lines[0]}') from None


def check_checkpoint(model: torch.nn.Module, saved: dict, path: str) -> None:
    """Raise ValueError, naming tensors, unless ``saved`` has exactly the tensors of ``model``."""
    wanted = (model.module if hasattr(model, 'module') else model).state_dict()
    missing, left = sorted(wanted.keys() - saved.keys()), sorted(saved.keys() - wanted.keys())
    wrong = [key for key in wanted.keys() & saved.keys() if wanted[key].shape != saved[key].shape]
    parts = []
    for keys, what in ((missing, 'missing'), (left, 'not in the model')):
        if keys:
            shown = ', '.join(keys[:3]) + (f' and {len(keys) - 3} more' if len(keys) > 3 else '')
            parts.append(f'{what}: {shown}')
    for key in sorted(wrong)[:3]:
        parts.append(f'{key} is {tuple(saved[key].shape)}, the model has '
                     f'{tuple(wanted[key].shape)}')
    if parts:
        raise ValueError(f'{path} belongs to another model: {"; ".join(parts)}')


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor``, put together if it is in parts on several processes (which must all call)."""
    return tensor.full_tensor() if hasattr(tensor, 'full_tensor') else tensor


def spread_like(tensor: torch.Tensor, example: torch.Tensor) -> torch.Tensor:
    """``tensor``, cut among the processes as ``example`` is (which must all call)."""
    if not hasattr(example, 'full_tensor'):
        return tensor
    from torch.distributed.tensor import distribute_tensor
    return distribute_tensor(tensor.to(example.device), example.device_mesh, example.placements)


def load_recognizer(model: torch.nn.Module, path: str) -> None:
    """Load a checkpoint's embedding network into ``model``; nothing may be missing or left over.

    Weights of the head and of the losses, which belong to the people of a training, are left out.

    Raises:
        FileNotFoundError: If ``path`` is not there.
        ValueError: If it is no checkpoint, or one of another model; the text names tensors.
    """
    saved = read_checkpoint(path)['state_dict']
    own = model.module if hasattr(model, 'module') else model
    trained_with = ('head', 'contrast_loss', 'losses')
    saved = {key: value for key, value in saved.items() if key.split('.')[0] not in trained_with}
    aside = {name: getattr(own, name, None) for name in trained_with}
    for name in trained_with:
        setattr(own, name, None)
    try:
        check_checkpoint(own, saved, path)
        have = own.state_dict()
        own.load_state_dict({key: spread_like(value, have[key]) for key, value in saved.items()})
    finally:
        for name, part in aside.items():
            setattr(own, name, part)
