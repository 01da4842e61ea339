"""Recognizers by name: configs with what is known of them, and the files that they load."""
from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import torch
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.config import find_config
from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.files import file_sha256
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import MODELS

__all__ = ['ModelEntry', 'cache_dir', 'configs_root', 'find_model', 'get_model', 'list_models']


@dataclass(frozen=True)
class ModelEntry:
    """A model of a ``metafile.yml``.

    Attributes:
        name: Its name.
        config: Path of its config.
        results: The file's ``Results``: dicts of task, dataset and metrics.
        weights: Name of its checkpoint, or None.
        sha256: SHA-256 of the checkpoint, or None.
    """

    name: str
    config: Path
    results: tuple[dict, ...] = ()
    weights: str | None = None
    sha256: str | None = None


def configs_root() -> Path:
    """The ``configs`` directory: of the working directory, the repository or the package.

    Raises:
        InputMissingError: If there is none.
    """
    return find_config('_base_/default_runtime').parents[1]


def cache_dir() -> Path:
    """Where checkpoints are looked for by name: ``~/.cache/lrfr_mm``; LRFR_HOME moves it."""
    return Path(os.environ.get('LRFR_HOME') or Path.home() / '.cache' / 'lrfr_mm')


def _entries() -> dict[str, ModelEntry]:
    entries = {}
    root = configs_root()
    for path in sorted(root.rglob('metafile.yml')):
        with reading(str(path)):
            listed = yaml.safe_load(path.read_text(encoding='utf-8'))['Models']
            for model in listed:
                entry = ModelEntry(model['Name'], root.parent / model['Config'],
                                   tuple(model.get('Results') or ()), model.get('Weights'),
                                   model.get('SHA256'))
                if entry.name in entries:
                    raise InputError(f'{path}: a second model is called {entry.name!r}')
                entries[entry.name] = entry
    return entries


def list_models(pattern: str = '*') -> list[str]:
    """Names of the models whose name fits a shell pattern, sorted.

    Raises:
        InputError: If a ``metafile.yml`` cannot be read; the text names it.
    """
    return sorted(name for name in _entries() if fnmatchcase(name, pattern))


def find_model(name: str) -> ModelEntry:
    """What the ``metafile.yml`` says of a model.

    Raises:
        InputError: For an unknown name; the text has those that are near.
    """
    entries = _entries()
    if name not in entries:
        near = get_close_matches(name, entries, n=3, cutoff=.3) or sorted(entries)[:5]
        raise InputError(f'no model is called {name!r}; there are {", ".join(near)}, ...')
    return entries[name]


def get_model(name: str, checkpoint: str | os.PathLike | None = None) -> torch.nn.Module:
    """Build a model that embeds, in eval mode, on the CPU.

    Nothing is downloaded: weights come from ``checkpoint``, or from the file of the model's name
    in :func:`cache_dir` if it is there, else they are random.

    Args:
        name: One of :func:`list_models`.
        checkpoint: A .pth file, or the name of one in :func:`cache_dir`.

    Raises:
        InputError: For an unknown name, a checkpoint of another model, or one whose SHA-256 is not
            the known one.
        InputMissingError: If ``checkpoint`` is not there.
    """
    entry = find_model(name)
    if checkpoint is None and entry.weights is not None:
        stored = cache_dir() / entry.weights
        checkpoint = stored if stored.is_file() else None
    elif checkpoint is not None and not os.path.isfile(checkpoint):
        stored = cache_dir() / checkpoint
        if not stored.is_file():
            raise InputMissingError(f'checkpoint {checkpoint} does not exist, nor does {stored}')
        checkpoint = stored
    config = Config.fromfile(entry.config)
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    model = MODELS.build(embedding_config(config.model))
    if checkpoint is not None:
        known = Path(checkpoint).name == entry.weights and entry.sha256
        if known and file_sha256(checkpoint) != entry.sha256:
            raise InputError(f'{checkpoint} has another SHA-256 than {entry.sha256} of {name}: it '
                             'is not the whole file, or another one')
        load_recognizer(model, str(checkpoint))
    return model.eval()
