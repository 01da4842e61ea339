"""Tensors of a foreign checkpoint; nothing that the file names is imported or run."""
from __future__ import annotations

import io
import os
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import serialization

from lrfr_mm.errors import InputError, InputMissingError, reading

__all__ = ['read_tensors']

# Modules that pickle's protocol 2 names as Python 2 did.
_RENAMED = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}
# A pickled nn.Module keeps its tensors under these attributes.
_OF_MODULES = ('_modules', '_parameters', '_buffers')
_LEGACY_PICKLES = 4  # of a file from before torch 1.6: magic number, version, system, the object


class _StandIn(dict):
    """What an object of a class that is not loaded becomes: a dict of its attributes."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        super().__init__()

    def __setstate__(self, state):
        if isinstance(state, Mapping):
            self.update(state)


def read_tensors(path: str | os.PathLike) -> dict[str, torch.Tensor]:
    """All tensors of a ``torch.save`` or safetensors file, on the CPU, by dotted names.

    Dicts in dicts become dotted names (``state_dict.model.body.0...``), positions in lists their
    numbers. Everything that is not a tensor is dropped. Of objects of other classes, as Lightning
    and training scripts leave them in checkpoints, the attributes are read as data, so that a whole
    pickled ``nn.Module`` gives the names of its state dict: their code is neither imported nor run.

    Raises:
        InputMissingError: If there is no such file.
        InputError: If it is not a checkpoint, is cut, or has no tensors; the text names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputMissingError(f'{path} does not exist')
    with reading(f'{path} is not a whole checkpoint (half downloaded, or of another format)'):
        with open(path, 'rb') as file:
            beginning = file.read(9)
        if beginning[8:] == b'{' or path.suffix == '.safetensors':
            tensors = load_file(path)
        else:
            tensors = dict(_flatten(_load(path)))
    if not tensors:
        raise InputError(f'{path} has no tensors')
    return tensors


def _load(path: Path):
    with _stand_ins(_globals(path)):
        try:
            return torch.load(path, map_location='cpu', weights_only=True)
        except Exception as error:
            # torch's text begins with advice to load without weights_only: keep its reason alone.
            reason = [line for line in str(error).splitlines() if 'nsupported' in line] or ['']
            raise InputError(f'{path} is not a whole checkpoint, or holds more than data: '
                             f'{reason[0].strip() or type(error).__name__}') from error


def _globals(path: Path) -> set[tuple[str, str]]:
    """(module, name) of each class and function that a ``torch.save`` file's pickles ask for."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            pickles = [io.BytesIO(archive.read(name)) for name in archive.namelist()
                       if name.endswith('/data.pkl')]
    else:
        pickles = [open(path, 'rb')] * _LEGACY_PICKLES
    try:
        pairs = {tuple(argument.split(' ', 1)) for stream in pickles
                 for operation, argument, _ in pickletools.genops(stream)
                 if operation.name == 'GLOBAL'}
        return {(_RENAMED.get(module, module), name) for module, name in pairs}
    finally:
        pickles[-1].close()


@contextmanager
def _stand_ins(names: set[tuple[str, str]]) -> Iterator[None]:
    """Let torch's restricted reader build stand-ins for ``names``.

    The classes that torch allows by itself, those of tensors, are looked up before. Those that this
    process has allowed for its own checkpoints are not used meanwhile: their code would run, and
    keep stand-ins (mmengine's HistoryBuffer has what it reads in an attribute of the class).
    """
    allowed = serialization.get_safe_globals()
    serialization.clear_safe_globals()
    made = [type(name, (_StandIn,), dict(__module__=module)) for module, name in sorted(names)]
    serialization.add_safe_globals(made)
    try:
        yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(allowed)


def _flatten(value, name: str = '') -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, (Mapping, list, tuple)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            hidden = isinstance(value, _StandIn) and key in _OF_MODULES
            yield from _flatten(item, name if hidden else f'{name}.{key}' if name else str(key))
