"""Embeddings of a benchmark on disk, under a key of all that determines them."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType

import numpy as np
import torch
from mmengine import dist
from mmengine.logging import print_log

from lrfr_mm.engine.checkpoint import whole_tensor
from lrfr_mm.errors import UserError
from lrfr_mm.evaluation.metrics import View
from lrfr_mm.files import whole_file

__all__ = ['EmbeddingCache', 'network_fingerprint']

_SAMPLES = 16  # images that are hashed after the pipeline as well
# Attributes that hold a module's tensors, which are hashed by name, or the progress of a run.
_NOT_SETTINGS = ('_parameters', '_buffers', '_modules', 'training', '_visit')


class EmbeddingCache:
    """Files named by (benchmark, network, images, view).

    The network's part of the key hashes its structure, its parameters and buffers, and the plain
    attributes of every module, the preprocessor's among them, with the names of functions (an
    activation) and dtypes. The images' part hashes every encoded image in the benchmark's order,
    the decoder, the attributes of the benchmark and of each transform, the collate function's name
    and arguments, and some images after the pipeline.

    Args:
        folder: Directory of the files.
        model: The recognizer; all ranks must construct the cache, since parameters may be sharded.
        collate_fn: The loader's collate function, if it is not ours; its name and its arguments
            belong to the images' part.
    """

    def __init__(self, folder: str, model: torch.nn.Module, collate_fn: Callable | None = None):
        self.folder, self._collate = Path(folder), collate_fn
        parameter = next(model.parameters(), None)  # another runtime's network has none
        device = 'cpu' if parameter is None else parameter.device.type
        self._model = f'{network_fingerprint(model)}-{device}'

    def complete(self, benchmark, views: Sequence[View],
                 embed: Callable[[list[View]], dict[View, np.ndarray]]) -> dict[View, np.ndarray]:
        """Embeddings of ``benchmark`` under ``views``, from the files where they are there.

        Rank 0 reads the cache and broadcasts it, since ranks may see different disks.

        Args:
            benchmark: The benchmark.
            views: What is wanted.
            embed: Computes those that are missing, on all ranks.
        """
        shared: list = [None]
        if dist.is_main_process():
            try:
                key = self.key(benchmark)
                shared = [(key, self.load(key, views))]
            except UserError as error:
                shared = [error]
        dist.broadcast_object_list(shared)
        if isinstance(shared[0], UserError):
            raise shared[0]
        key, found = shared[0]
        missing = [view for view in views if view not in found]
        if not missing:
            print_log(f'{benchmark.name}: embeddings of an earlier test', logger='current')
            return found
        made = embed(missing)
        if dist.is_main_process():
            self.save(key, made)
        return {**found, **made}

    def key(self, benchmark) -> str:
        """What tells ``benchmark``, under this network, from any other."""
        digest = _Digest()
        if self._collate is not None:
            digest.add(_named(self._collate) or type(self._collate).__qualname__)
        for part in (benchmark, getattr(benchmark, 'inner', None)):
            if part is not None:
                digest.add((type(part).__qualname__, _plain_attributes(part),
                            [_description(step) for step in getattr(part, 'pipeline', ())]))
        for i in range(len(benchmark)):
            digest.add(benchmark.source.read(i)[0])
        for i in np.unique(np.linspace(0, len(benchmark) - 1, _SAMPLES).astype(int)).tolist():
            digest.add({name: value for name, value in benchmark[i].items()
                        if isinstance(value, (np.ndarray, torch.Tensor))})
        return f'{benchmark.name}-{self._model}-{digest.hex()}'

    def _path(self, key: str, view: View) -> Path:
        side = 'full' if view.resolution is None else f'{view.resolution}px'
        side += '' if view.degradation == 'bicubic' else f'-{view.degradation}'
        return self.folder / f'{key}-{side}{"-mirrored" if view.mirrored else ""}.npy'

    def load(self, key: str, views: Sequence[View]) -> dict[View, np.ndarray]:
        """Those of ``views`` that are there; a damaged file counts as missing."""
        found = {}
        for view in views:
            try:
                found[view] = np.load(self._path(key, view), allow_pickle=False)
            except (OSError, ValueError, EOFError):
                continue
        return found

    def save(self, key: str, embeddings: dict[View, np.ndarray]) -> None:
        """Write one file a view."""
        for view, vectors in embeddings.items():
            with whole_file(self._path(key, view)) as part, open(part, 'wb') as file:
                np.save(file, vectors)


def network_fingerprint(model: torch.nn.Module) -> str:
    """Hash of a network's structure, parameters, buffers and settings, 16 hexadecimal digits.

    Args:
        model: All ranks must call, since parameters may be sharded.
    """
    digest = _Digest()
    digest.add(repr(model))
    for name, value in [*sorted(model.named_parameters()), *sorted(model.named_buffers())]:
        digest.add((name, whole_tensor(value)))
    for name, module in model.named_modules():
        digest.add((name, _plain_attributes(module)))
    return digest.hex()


class _Digest:
    """A hash of nested plain values."""

    def __init__(self):
        self._hash = hashlib.blake2b(digest_size=8)

    def add(self, value) -> None:
        if isinstance(value, bytes):
            self._text(f'bytes {len(value)}')
            self._hash.update(value)
        elif isinstance(value, torch.Tensor):
            value = value.detach().cpu().contiguous()
            self._text(f'{value.dtype} {tuple(value.shape)}')
            self._hash.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, np.ndarray):
            self._text(f'{value.dtype} {value.shape}')
            self._hash.update(repr(value.tolist()).encode() if value.dtype == object
                              else np.ascontiguousarray(value).tobytes())
        elif isinstance(value, Mapping):
            for key in sorted(value, key=str):
                self._text(f'key {key!r}')
                self.add(value[key])
        elif isinstance(value, (list, tuple)):
            self._text(f'{type(value).__name__} {len(value)}')
            for item in value:
                self.add(item)
        else:
            self._text(repr(value))

    def _text(self, text: str) -> None:
        self._hash.update(text.encode() + b'\0')

    def hex(self) -> str:
        return self._hash.hexdigest()


def _is_plain(value) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str, bytes, np.ndarray, np.generic,
                                               torch.Tensor))


def _plain_attributes(owner) -> dict:
    """Attributes of an object that are numbers, texts, arrays, or collections of these."""
    return {name: value if _is_plain(value) else _named(value)
            for name, value in vars(owner).items()
            if name not in _NOT_SETTINGS and (_is_plain(value) or _named(value))}


def _named(value) -> str:
    """What names a function (an activation, a collate function) or a dtype; '' for other objects.
    """
    if isinstance(value, partial):
        settings = sorted((key, repr(item)) for key, item in value.keywords.items())
        return f'{_named(value.func)} {[repr(item) for item in value.args]} {settings}'
    if isinstance(value, (torch.dtype, torch.device)):
        return repr(value)
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        return f'{value.__module__}.{value.__qualname__}'
    return ''


def _description(step, depth: int = 4) -> tuple:
    """Name of a transform (an object or a function) and its settings; objects in it likewise."""
    name = getattr(step, '__qualname__', type(step).__qualname__)
    settings = {key: value if _is_plain(value) else _description(value, depth - 1)
                for key, value in getattr(step, '__dict__', {}).items()} if depth else {}
    return name, settings
