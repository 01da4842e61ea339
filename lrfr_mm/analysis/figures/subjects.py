"""What the figures look at: trained models, and faces in pairs."""
from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.datasets.benchmarks import SampledPairs
from lrfr_mm.datasets.benchmarks.base import PairBenchmark
from lrfr_mm.engine.checkpoint import (
    check_checkpoint,
    find_checkpoint,
    load_recognizer,
    read_checkpoint,
)
from lrfr_mm.engine.embedding import embed_images
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.functional import unit_vectors
from lrfr_mm.evaluation.metrics import ImageVariant
from lrfr_mm.models.build import embedding_config
from lrfr_mm.registry import DATASETS, MODELS

__all__ = ['Faces', 'Run', 'Subject', 'load_faces', 'parse_subject']


@dataclass(frozen=True, eq=False)
class Faces:
    """Aligned faces and pairs of them.

    Attributes:
        images: uint8 RGB (112, 112, 3) each.
        pairs: int (P, 2).
        is_same: bool (P,).

    Two are equal only if they are one object, which is what embeddings are found by.
    """

    name: str
    images: list[np.ndarray]
    pairs: np.ndarray
    is_same: np.ndarray


@dataclass(frozen=True)
class Run:
    """One training of a model: its config and its checkpoint."""

    config: Config
    checkpoint: str
    _embedded: dict = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def network(self) -> torch.nn.Module:
        """The model without its head, with the checkpoint's weights, in eval mode."""
        model = self._build(embedding_config(self.config.model))
        load_recognizer(model, self.checkpoint)
        return model

    def embed(self, faces: Faces, resolution: int) -> np.ndarray:
        """Unit vectors, float32 (N, D), of ``faces`` at ``resolution`` px (at most their own side);
        made once, whatever number of figures asks for them.
        """
        if (faces, resolution) not in self._embedded:
            side = max(faces.images[0].shape[:2])
            variant = ImageVariant(resolution if resolution < side else None)
            found = embed_images(self.network, [dict(img=image) for image in faces.images],
                                 [variant], name=faces.name)
            self._embedded[faces, resolution] = unit_vectors(found[variant])
        return self._embedded[faces, resolution]

    def _build(self, settings) -> torch.nn.Module:
        init_default_scope(self.config.get('default_scope', 'lrfr_mm'))
        return MODELS.build(settings).to('cuda' if torch.cuda.is_available() else 'cpu').eval()

    def recognizer(self) -> torch.nn.Module:
        """The whole model, head and loss included, with the checkpoint's weights, in eval mode."""
        saved = read_checkpoint(self.checkpoint)['state_dict']
        settings = copy.deepcopy(self.config.model)
        if 'head.weight' not in saved:
            raise InputError(f'{self.checkpoint} has no head.weight: the gradients of a loss need '
                             'the head')
        settings.head.num_classes = len(saved['head.weight'])
        model = self._build(settings)
        check_checkpoint(model, saved, self.checkpoint)
        model.load_state_dict(saved)
        return model


@dataclass(frozen=True)
class Subject:
    """A model by the name that the figure gives it, with one run or several seeds."""

    name: str
    runs: list[Run]


def parse_subject(text: str) -> Subject:
    """Read ``NAME=CONFIG,CHECKPOINT`` or ``NAME=FOLDER``.

    A folder is a work dir of tools/train.py, or holds one a seed (as tools/study.py's rows do).

    Raises:
        InputError: For another form.
        InputMissingError: If there is no config or no checkpoint.
    """
    name, sign, where = text.partition('=')
    if not sign or not name or not where:
        raise InputError(f'{text!r} is not NAME=FOLDER or NAME=CONFIG,CHECKPOINT')
    if ',' in where:
        config, checkpoint = where.split(',', 1)
        for path in (config, checkpoint):
            if not Path(path).is_file():
                raise InputMissingError(f'{path} does not exist')
        return Subject(name, [Run(Config.fromfile(config), checkpoint)])
    folder = Path(where)
    folders = sorted(folder.glob('seed*'), key=lambda path: (len(path.name), path.name)) or [folder]
    runs = []
    for place in folders:
        configs = sorted(place.glob('*.py'))
        checkpoint = find_checkpoint(str(place))
        if len(configs) != 1 or checkpoint is None:
            raise InputMissingError(f'{place} is not the work dir of a training: it has '
                                    f'{len(configs)} configs and '
                                    f'{"a" if checkpoint else "no"} checkpoint')
        runs.append(Run(Config.fromfile(configs[0]), str(checkpoint)))
    return Subject(name, runs)


def load_faces(config: Config, benchmark: str | None = None, folder: str | None = None,
               num_pairs: int = 3000) -> Faces:
    """Faces to show models.

    Args:
        config: Whose ``test_dataloader`` has the benchmarks.
        benchmark: Name of one of them; default the first that has pairs and is there.
        folder: Instead, a folder with a folder of images a person.
        num_pairs: Drawn from ``folder``.

    Raises:
        InputMissingError: If there are none; the text says what is missing.
        InputError: If ``benchmark`` has no pairs or is unknown.
    """
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    if folder is not None:
        found = SampledPairs(Path(folder).name, dict(type='FolderFaces', root=folder), num_pairs,
                             pipeline=[dict(type='ResizeFace', size=112)])
    else:
        found = _benchmark(config, benchmark)
    used = np.unique(found.pairs)
    where = np.full(len(found), -1)
    where[used] = np.arange(len(used))
    images = [np.ascontiguousarray(found[int(i)]['img']) for i in used]
    return Faces(found.name, images, where[found.pairs], found.is_same)


def _benchmark(config: Config, name: str | None) -> PairBenchmark:
    candidates = config.test_dataloader.dataset
    candidates = [candidates] if isinstance(candidates, dict) else candidates
    if name is not None:
        candidates = [c for c in candidates if c['name'] == name]
        if not candidates:
            raise InputError(f'the config has no benchmark {name!r}')
    missing = []
    for candidate in candidates:
        try:
            built = DATASETS.build(candidate)
        except FileNotFoundError as error:
            missing.append(str(error))
            continue
        if isinstance(built, PairBenchmark):
            return built
        if name is not None:
            raise InputError(f'benchmark {name!r} has no pairs')
    raise InputMissingError('no benchmark with pairs is there: ' + ('; '.join(missing) or 'none in '
                            'the config') + ' (or give a folder of people with --images)')
