"""Reading and writing mmengine's checkpoints."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.fileio.backends import LocalBackend, register_backend
from safetensors.torch import load_file

from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import whole_file
from lrfr_mm.safe_loading import allow_checkpoint_classes

__all__ = ['allow_checkpoint_classes', 'check_checkpoint', 'find_checkpoint', 'load_recognizer',
           'read_checkpoint', 'spread_like', 'whole_tensor', 'write_whole_files']

# Modules of a recognizer that only training needs.
TRAINING_PARTS = ('head', 'contrast_loss', 'losses')


class WholeFileBackend(LocalBackend):
    """mmengine's local files, each written under a temporary name and renamed: a killed process or
    a full disk leaves the old checkpoint, never half of a new one.
    """

    def put(self, obj: bytes, filepath) -> None:
        with whole_file(filepath) as part:
            part.write_bytes(obj)


def write_whole_files() -> None:
    """Make mmengine write checkpoints, and whatever else its file layer writes, that way."""
    register_backend('local', WholeFileBackend, force=True, prefixes='')


def read_checkpoint(path: str, mmap: bool = False) -> dict:
    """The contents of a checkpoint (.pth, or .safetensors of weights alone), on the CPU.

    Args:
        path: The file: a checkpoint of mmengine, or a plain state dict, which is returned as
            ``dict(state_dict=...)``.
        mmap: Map the file instead of reading it: for a look at what is not a tensor.

    Raises:
        InputMissingError: If ``path`` is not there.
        InputError: If it is not a checkpoint, is cut, or holds more than data.
    """
    allow_checkpoint_classes()
    if not os.path.isfile(path):
        raise InputMissingError(f'checkpoint {path} does not exist')
    try:
        if str(path).endswith('.safetensors'):
            saved = load_file(path)
        else:
            saved = torch.load(path, map_location='cpu', weights_only=True, mmap=mmap or None)
    except Exception as error:  # a foreign or cut file can fail anywhere in torch's reader
        lines = [line.strip() for line in str(error).splitlines() if 'rror:' in line or 'nsupported'
                 in line] or [str(error).partition('\n')[0] or type(error).__name__]
        raise InputError(f'{path} is not a checkpoint: {lines[0]}') from error
    if not isinstance(saved, Mapping):
        raise InputError(f'{path} is not a checkpoint: it holds a {type(saved).__name__}')
    saved = saved if 'state_dict' in saved else dict(state_dict=saved)
    weights = saved['state_dict']
    if not isinstance(weights, Mapping) or not weights:
        raise InputError(f'{path} is not a checkpoint: its state_dict is '
                         f'{"empty" if isinstance(weights, Mapping) else type(weights).__name__}')
    for key, value in weights.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise InputError(f'{path} is not a checkpoint: its state_dict has the entry {key!r} of '
                             f'type {type(value).__name__}, where names of tensors are needed')
    return saved


def find_checkpoint(work_dir: str) -> Path | None:
    """The checkpoint of ``work_dir`` that is furthest in training; None if there is none.

    The last ``epoch_N.pth``, the last ``iter_N.pth`` and ``interrupted.pth`` are compared by the
    epoch and the iteration that they hold. mmengine's file ``last_checkpoint`` is not used: a
    killed process can leave it empty, and a moved directory makes it wrong.

    Raises:
        InputError: If one of them cannot be read.
    """
    newest: dict[str, tuple[int, Path]] = {}
    for path in Path(work_dir).glob('*.pth'):
        match = re.fullmatch(r'(epoch|iter)_(\d+)\.pth', path.name)
        if match:
            found = (int(match[2]), path)
            newest[match[1]] = max(found, newest.get(match[1], found))
    paths = [path for _, path in newest.values()]
    paths += [path for path in [Path(work_dir, 'interrupted.pth')] if path.is_file()]
    if len(paths) < 2:
        return paths[0] if paths else None

    def progress(path: Path) -> tuple[int, int, bool]:
        meta = read_checkpoint(str(path), mmap=True).get('meta', {})
        return meta.get('epoch', 0), meta.get('iter', 0), path.name.startswith('epoch')

    return max(paths, key=progress)


def check_checkpoint(model: torch.nn.Module, saved: dict, path: str) -> None:
    """Raise InputError, naming tensors, unless ``saved`` has exactly the tensors of ``model``."""
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
        raise InputError(f'{path} belongs to another model: {"; ".join(parts)}')


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor``, gathered from all ranks (which must all call this) if it is a DTensor."""
    return tensor.full_tensor() if hasattr(tensor, 'full_tensor') else tensor


def spread_like(tensor: torch.Tensor, example: torch.Tensor) -> torch.Tensor:
    """``tensor``, sharded over the ranks (which must all call this) as ``example`` is."""
    if not hasattr(example, 'full_tensor'):
        return tensor
    from torch.distributed.tensor import distribute_tensor
    return distribute_tensor(tensor.to(example.device), example.device_mesh, example.placements)


def load_recognizer(model: torch.nn.Module, path: str | None) -> None:
    """Load a checkpoint's embedding network into ``model``; nothing may be missing or left over.

    Weights of the head and of the losses, which belong to the people of a training, are left out.
    ``path`` may be None for a model without weights of its own, as of an ONNXBackbone.

    Raises:
        InputMissingError: If ``path`` is not there.
        InputError: If it is no checkpoint, or one of another model; the text names tensors. If it
            is None and the model has weights.
    """
    own = model.module if hasattr(model, 'module') else model
    if path is None:
        if own.state_dict():
            raise InputError('this network needs a checkpoint: the weights are not in its config')
        return
    saved = read_checkpoint(path)['state_dict']
    saved = {key: value for key, value in saved.items() if key.split('.')[0] not in TRAINING_PARTS}
    aside = {name: getattr(own, name, None) for name in TRAINING_PARTS}
    for name in TRAINING_PARTS:
        setattr(own, name, None)
    try:
        check_checkpoint(own, saved, path)
        have = own.state_dict()
        own.load_state_dict({key: spread_like(value, have[key]) for key, value in saved.items()})
    finally:
        for name, part in aside.items():
            setattr(own, name, part)
