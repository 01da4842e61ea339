"""A real network on photographs: fetched, measured, adapted, measured again."""
from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from lrfr_mm.analysis.real.fetch import MOBILE_FACE_NET, fetch
from lrfr_mm.analysis.real.measure import auc_differences, pair_aucs, size_embeddings
from lrfr_mm.analysis.real.mobile_face_net import MODEL, convert_mobile_face_net
from lrfr_mm.analysis.real.people import aligned, read_faces, shared_folder
from lrfr_mm.analysis.real.report import write_real_report
from lrfr_mm.analysis.real.tfjs import read_tfjs
from lrfr_mm.datasets.sources import FolderFaces, MorphedFaces, SyntheticFaces
from lrfr_mm.engine.adapt import apply_recipe
from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.checkpoint import load_recognizer
from lrfr_mm.engine.config import read_config
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.registry import MODELS, SOURCES

__all__ = ['Result', 'recognizer', 'run_real', 'test_faces']

DEGRADATIONS = ('bicubic', 'camera')
_TRAINING_SETS = ('att_faces',)  # folders of LRFR_DATA that are trained on where they are there


@dataclass
class Result:
    """What came out.

    Attributes:
        before, after: Degradation to ``pair_aucs``.
        differences: Degradation to ``auc_differences``.
        tested_on, trained_on: In words, for the report.
        seconds: Step to its wall time.
    """

    before: dict[str, dict[str, float]] = field(default_factory=dict)
    after: dict[str, dict[str, float]] = field(default_factory=dict)
    differences: dict[str, dict[str, tuple[float, float, float]]] = field(default_factory=dict)
    tested_on: str = ''
    trained_on: str = ''
    seconds: dict[str, float] = field(default_factory=dict)


def run_real(cache: Path, out: Path, photographs: str | None = None, faces: str | None = None,
             recipe: str = 'adapt/distill_late', count: int = 3000, seed: int = 0,
             epochs: int | None = None, say: Callable[[str], None] = print) -> Result:
    """Fetch the public MobileFaceNet, measure, adapt and measure it.

    Args:
        cache: Directory for the network and for aligned faces.
        out: Directory of the training and of the report.
        photographs: Directory of people to measure on; default ``lfw_mini`` in the directory that
            the environment variable LRFR_DATA names. Without either, drawn faces.
        faces: Directory of aligned faces to train on, labels unused. Default: ``count`` morphs of
            the AT&T faces in LRFR_DATA, or of drawn faces.
        recipe: A config of configs/adapt.
        count: Number of training images, if ``faces`` is None.
        seed: Of the training and of all that is drawn.
        epochs: Passes over the training faces; default the recipe's.
        say: Called with each line of progress.

    Returns:
        The result; ``out/index.html`` and ``out/table.csv`` show it.

    Raises:
        MissingDependencyError: Without npm, if the network is not in ``cache``.
        InputError, InputMissingError: If files cannot be used.
    """
    init_default_scope('lrfr_mm')
    result, clock = Result(), time.perf_counter()

    def done(step: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        result.seconds[step] = now - clock
        clock = now

    say(f'{MOBILE_FACE_NET.name}@{MOBILE_FACE_NET.version}, {MOBILE_FACE_NET.megabytes} MB. '
        f'{MOBILE_FACE_NET.terms}')
    config, checkpoint = recognizer(cache)
    done('network')
    images, labels, result.tested_on = test_faces(photographs, cache)
    say(f'measured on {result.tested_on}')
    model = MODELS.build(MODEL).eval()
    load_recognizer(model, str(checkpoint))
    vectors = {kind: size_embeddings(model, images, kind) for kind in DEGRADATIONS}
    result.before = {kind: pair_aucs(found, labels) for kind, found in vectors.items()}
    say(f'before: {_line(result.before["bicubic"])}')
    done('measurement before')
    directory, result.trained_on = _training_faces(faces, cache, count, seed)
    say(f'trained on {result.trained_on}, without labels')
    done('training faces')
    training = apply_recipe(read_config(recipe), config, str(checkpoint), str(directory))
    training.work_dir, training.launcher = str(out / 'training'), 'none'
    training.val_dataloader = training.val_cfg = training.val_evaluator = None
    training.default_hooks.checkpoint.save_best = None
    training.randomness = dict(seed=seed)
    if epochs is not None:
        _set_epochs(training, epochs)
    runner = build_runner(training, train=True)
    runner.train()
    done('training')
    adapted = runner.model.eval()
    after = {kind: size_embeddings(adapted, images, kind) for kind in DEGRADATIONS}
    result.after = {kind: pair_aucs(found, labels) for kind, found in after.items()}
    result.differences = {kind: auc_differences(vectors[kind], [after[kind]], labels)
                          for kind in DEGRADATIONS}
    done('measurement after')
    say(f'after:  {_line(result.after["bicubic"])}')
    say(f'report: {write_real_report(result, out)}')
    return result


def _set_epochs(config: Config, epochs: int) -> None:
    """Train ``epochs`` epochs, with the last schedule ending there."""
    config.train_cfg.max_epochs = config.train_cfg.val_interval = epochs
    config.param_scheduler[-1].end = epochs


def _line(values: dict[str, float]) -> str:
    return ', '.join(f'{name} {value:.2f}' for name, value in values.items())


def recognizer(cache: Path) -> tuple[Config, Path]:
    """Config and checkpoint of the public MobileFaceNet in ``cache``, fetched if need be."""
    checkpoint = cache / 'mobile_face_net.pth'
    if not checkpoint.is_file():
        folder = fetch(MOBILE_FACE_NET, cache)
        state = convert_mobile_face_net(read_tfjs(folder / 'mobilefacenet.json'))
        with whole_file(checkpoint) as part:
            torch.save(dict(state_dict=state), part)
    config = Config(dict(default_scope='lrfr_mm', model=MODEL))
    write_text(cache / 'mobile_face_net.py', config.pretty_text)
    return config, checkpoint


def test_faces(photographs: str | None, cache: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Faces to measure on: uint8 (N, 112, 112, 3), person of each (N,), and what they are.

    Args:
        photographs: Directory of people; default lfw_mini in LRFR_DATA, else in ``cache`` where it
            was aligned before, else drawn faces.
        cache: Directory of aligned faces.
    """
    folder = Path(photographs) if photographs else shared_folder('lfw_mini')
    if folder is None and (cache / 'aligned-lfw_mini').is_dir():
        folder = Path('lfw_mini')
    if folder is None:
        source = SyntheticFaces(20, 8, seed=99)
        text = ('DRAWN faces of 20 people, since there are no photographs (--photographs): the '
                'figures say little about real faces')
    else:
        source = FolderFaces(str(aligned(folder, cache)))
        text = f'{len(source)} photographs of {source.num_classes} people in {folder.name}'
    faces = read_faces(source)
    return faces.images, faces.labels, text


def _training_faces(faces: str | None, cache: Path, count: int, seed: int) -> tuple[Path, str]:
    if faces is not None:
        return Path(faces), f'the faces in {faces}'
    drawn = SOURCES.build(dict(type='SyntheticFaces', num_identities=300, images_per_identity=2,
                               seed=7, cache=str(cache / 'drawn')))
    folder = next((found for found in map(shared_folder, _TRAINING_SETS) if found), None)
    real = drawn if folder is None else FolderFaces(str(aligned(folder, cache)))
    source = MorphedFaces(real, drawn, count, seed)
    text = (f'{count} morphs of {"drawn faces" if folder is None else folder.name}')
    out = cache / f'morphs-{"drawn" if folder is None else folder.name}-{count}-{seed}'
    for index in range(count):
        path = out / f'{index:06d}.png'
        if not path.is_file():
            with whole_file(path) as part:
                pixels = np.ascontiguousarray(source.read(index)[0][..., ::-1])
                part.write_bytes(cv2.imencode('.png', pixels)[1].tobytes())
    return out, text
