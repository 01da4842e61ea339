"""What several commands share: the recognizer, its calibration, its detector."""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.apis import Embedder
from lrfr_mm.apis.gallery import Gallery, SQLiteGallery
from lrfr_mm.apis.inferencer import Face, FaceInferencer, PictureResult
from lrfr_mm.apis.model_zoo import cache_dir, find_model, list_models
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.deployment.parity import ParityFaces
from lrfr_mm.engine.config import find_config
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.calibration import SizeCalibration
from lrfr_mm.registry import SOURCES

__all__ = ['add_calibration_argument', 'add_detector_arguments', 'add_model_arguments',
           'best_face', 'calibration_path', 'face_source', 'find_calibration', 'load_calibration',
           'load_embedder', 'load_inferencer', 'open_gallery', 'parity_faces', 'usual_fpir']

_USUAL_FPIR = .05


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """``--model``, ``--weights``, ``--device``, ``--flip``."""
    group = parser.add_argument_group('recognizer')
    group.add_argument('--model', default=os.environ.get('LRFR_MODEL'), metavar='CONFIG',
                       help='a config, or the name of a recognizer of the zoo (default: the '
                       'environment variable LRFR_MODEL)')
    group.add_argument('--weights', default=os.environ.get('LRFR_WEIGHTS'), metavar='FILE',
                       help='its checkpoint (default: the environment variable LRFR_WEIGHTS, else '
                       'the file beside the config with the ending .pth)')
    group.add_argument('--device', help='cpu, cuda, ... (default: the GPU where there is one)')
    group.add_argument('--flip', default='concat', choices=('none', 'concat', 'sum'),
                       help='also embed the mirrored face (default: concat)')


def add_calibration_argument(parser: argparse.ArgumentParser) -> None:
    """``--calibration``."""
    parser.add_argument('--calibration', metavar='FILE',
                        help='made by `lrfr calibrate` (default: beside the checkpoint)')


def add_detector_arguments(parser: argparse.ArgumentParser) -> None:
    """``--detector``, ``--small-faces``, ``--aligned``."""
    group = parser.add_argument_group('finding faces')
    group.add_argument('--detector', default='mtcnn', help='a registered detector (default: mtcnn)')
    group.add_argument('--small-faces', action='store_true',
                       help='also search the picture enlarged in tiles: slower, finds faces of '
                       'about 10 px')
    group.add_argument('--aligned', action='store_true',
                       help='the pictures are aligned faces already: no detector')


def load_embedder(args: argparse.Namespace) -> Embedder:
    """The recognizer of ``--model`` and ``--weights``.

    Raises:
        InputError: If none is named.
    """
    if args.model is None:
        raise InputError('which recognizer? --model CONFIG --weights FILE, or the environment '
                         'variables LRFR_MODEL and LRFR_WEIGHTS; `lrfr zoo` lists some')
    if args.model in list_models():
        entry = find_model(args.model)
        args.model = str(entry.config)
        if args.weights is None and entry.weights is not None:
            args.weights = str(cache_dir() / entry.weights)
    else:
        args.model = str(find_config(args.model))
    beside = Path(args.model).with_suffix('.pth')
    if args.weights is None and beside.is_file():
        args.weights = str(beside)
    return Embedder(args.model, args.weights, device=args.device, flip_test=args.flip)


def load_inferencer(args: argparse.Namespace, **options) -> FaceInferencer:
    """The recognizer with the detector of the arguments."""
    return FaceInferencer(load_embedder(args), detector=None if args.aligned else args.detector,
                          small_faces=args.small_faces and not args.aligned, **options)


def calibration_path(args: argparse.Namespace) -> Path:
    """``--calibration``, else ``calibration.json`` with the name of the checkpoint before it."""
    if getattr(args, 'calibration', None):
        return Path(args.calibration)
    of = Path(args.weights or args.model)
    return of.with_name(f'{of.stem}.calibration.json')


def load_calibration(args: argparse.Namespace, embedder: Embedder) -> SizeCalibration:
    """The calibration of this recognizer; see :func:`calibration_path`."""
    return SizeCalibration.load(calibration_path(args), embedder.fingerprint)


def find_calibration(args: argparse.Namespace, embedder: Embedder) -> SizeCalibration | None:
    """The calibration that ``--calibration`` names or that lies beside the checkpoint; None if
    none is named and none lies there.
    """
    if args.calibration or calibration_path(args).is_file():
        return load_calibration(args, embedder)
    return None


def open_gallery(path: str, embedder: Embedder) -> SQLiteGallery:
    """The gallery in the folder ``path``, with embeddings of this recognizer.

    Raises:
        InputMissingError: If there is none.
        InputError: If it is of another recognizer.
    """
    if not Path(path, 'gallery.sqlite').is_file():
        raise InputMissingError(f'there is no gallery in {path}; `lrfr enroll` makes one')
    return SQLiteGallery(path, fingerprint=embedder.fingerprint)


def usual_fpir(wanted: float | None, gallery: Gallery, calibration: SizeCalibration) -> float:
    """The wanted rate; where none is given 0.05, or the lowest that the calibration supports for
    this gallery if that is higher, which is then said on stderr.
    """
    if wanted is not None:
        return wanted
    finest = gallery.finest_fpir(calibration)
    if finest <= _USUAL_FPIR:
        return _USUAL_FPIR
    print(f'The people of the calibration are too few for a rate of {_USUAL_FPIR:g} in this '
          f'gallery: a person who is not enrolled is taken for somebody at a rate of {finest:.2g}.',
          file=sys.stderr)
    return min(finest * (1 + 1e-9), 1 - 1e-9)


def face_source(text: str, first_identity: int, images_per_identity: int = 6) -> FaceSource:
    """Aligned faces of an argument: a folder with one folder a person, ``drawn:PEOPLE``, or
    ``drawn:PEOPLExPICTURES``.

    Args:
        text: The argument.
        first_identity: Number of the first drawn person, so that sets have nobody in common.
        images_per_identity: Pictures of each drawn person, where the argument does not say.

    Raises:
        InputError: If the number of people or of pictures is none.
    """
    if not text.startswith('drawn:'):
        return SOURCES.build(dict(type='FolderFaces', root=text))
    people, _, pictures = text.removeprefix('drawn:').partition('x')
    counts = [people, pictures] if 'x' in text else [people]
    if not all(count.isdigit() and int(count) > 0 for count in counts):
        raise InputError(f'{text}: how many people? for example drawn:200, or drawn:200x4 for four '
                         'pictures of each')
    return SOURCES.build(dict(type='SyntheticFaces', num_identities=int(people),
                              images_per_identity=int(pictures or images_per_identity),
                              first_identity=first_identity))


def parity_faces(texts: Sequence[str], first_identity: int, size: int, limit: int) -> ParityFaces:
    """Faces of several arguments of :func:`face_source`, at most ``limit`` of each, evenly from it.

    Args:
        texts: The arguments.
        first_identity: See :func:`face_source`.
        size: Side that the faces are brought to, px.
        limit: Faces of each.
    """
    images, labels, named = [], [], []
    for text in texts:
        source = face_source(text, first_identity)
        dataset, people = FaceDataset(source, image_size=None), source.labels()
        chosen = np.linspace(0, len(people) - 1, min(limit, len(people))).astype(int)
        images += [cv2.resize(dataset[int(i)]['img'], (size, size), interpolation=cv2.INTER_AREA)
                   for i in chosen]
        labels.append(people[chosen] + (labels[-1].max() + 1 if labels else 0))
        named.append(repr(source))
    return ParityFaces(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)),
                       np.concatenate(labels), ', '.join(named))


def best_face(result: PictureResult) -> Face:
    """The largest face of a picture.

    Raises:
        InputError: If the picture could not be read, or holds no face.
    """
    if result.error is not None:
        raise InputError(result.error)
    if not result.faces:
        raise InputError(f'{result.name}: no face was found; --small-faces looks for smaller ones, '
                         '--aligned takes the picture as a face')
    return max(result.faces, key=lambda face: face.size)
