"""Who is trained on, who is held out for choices, and who is tested, as arrays of aligned faces."""
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed

from lrfr_mm.datasets.alignment.batch import AlignSettings, align_folder
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources import FolderFaces, MorphedFaces, SyntheticFaces
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputMissingError
from lrfr_mm.files import whole_file

__all__ = ['FaceSet', 'aligned', 'evenly', 'held_out_sets', 'read_faces', 'shared_folder',
           'training_set']

# From the eye-aligned, narrow crops of cropped Yale B to the template: shrunk, eyes at row 52.
_YALE_TO_TEMPLATE = np.array([[.7, 0, 17.85], [0, .7, 22.95]])
_DARK = 45  # grey levels; photographs of Yale B below are shadows
# The last people to train on; those behind them are held out.
_LAST_TRAINED = dict(att_faces='s24', yaleb_cropped='26')
_DRAWN_SEED, _HELD_OUT_FROM = 7, 100_000


@dataclass(frozen=True)
class FaceSet:
    """Aligned faces in memory.

    Attributes:
        images: uint8 RGB (N, 112, 112, 3).
        labels: Person of each face, int64 (N,); -1 for a face of nobody (a morph).
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def of_people(self) -> FaceSet:
        """The faces that have a label."""
        known = self.labels >= 0
        return FaceSet(self.images[known], self.labels[known])


def evenly(items: Sequence, most: int) -> Sequence:
    """At most ``most`` of ``items``, at even distances."""
    return items[::max(1, len(items) // most)][:most]


def shared_folder(name: str) -> Path | None:
    """Directory ``name`` in the one that the environment variable LRFR_DATA names, if there."""
    root = os.environ.get('LRFR_DATA')
    found = Path(root, name) if root else None
    return found if found is not None and found.is_dir() else None


def aligned(folder: Path, cache: Path) -> Path:
    """``cache/aligned-NAME`` with the aligned faces of ``folder``, made if it is not there."""
    out = cache / f'aligned-{folder.name}'
    if not out.is_dir():
        align_folder(str(folder), str(out), AlignSettings(dict(type='mtcnn')), os.cpu_count() or 1)
    return out


def read_faces(source: FaceSource, jobs: int = 1) -> FaceSet:
    """All faces of a source of 112x112 px faces, read by ``jobs`` processes."""
    parts = np.array_split(np.arange(len(source)), max(1, min(4 * jobs, len(source))))
    images = Parallel(n_jobs=jobs)(delayed(_read)(source, part) for part in parts)
    return FaceSet(np.concatenate(images), np.asarray(source.labels()))


def _read(source: FaceSource, indices: np.ndarray) -> np.ndarray:
    cv2.setNumThreads(1)
    data = [source.read(int(index))[0] for index in indices]
    return np.stack([image if isinstance(image, np.ndarray) else decode(image, 'cv2')
                     for image in data])


def training_set(cache: Path, morphs: int, drawn: int, seed: int = 0, jobs: int = 1) -> FaceSet:
    """Real faces (AT&T to s24, Yale B to 26), drawn ones, and morphs of the real ones.

    It is stored in ``cache`` and read from there the next time.

    Args:
        cache: Directory.
        morphs: Number of morphs.
        drawn: Number of drawn people, four pictures each.
        seed: Of the morphs.
        jobs: Processes.

    Raises:
        InputMissingError: If neither LRFR_DATA nor ``cache`` has the real faces.
    """
    path = cache / f'training-{morphs}-{drawn}-{seed}.npz'
    if not path.is_file():
        real = _real_people(cache, held_out=False)
        drawings = SyntheticFaces(drawn, 4, seed=_DRAWN_SEED)
        pictures = read_faces(drawings, jobs)
        # Arrays as arguments of their own, which joblib maps into memory instead of copying them.
        made = Parallel(n_jobs=jobs)(delayed(_morphs)(real.images, pictures.images, seed, part)
                                     for part in np.array_split(np.arange(morphs), 4 * jobs))
        images = np.concatenate([real.images, pictures.images, *made])
        labels = np.concatenate([real.labels, pictures.labels + real.labels.max() + 1,
                                 np.full(morphs, -1)])
        with whole_file(path) as part, open(part, 'wb') as stream:
            np.savez(stream, images=images, labels=labels)
    with np.load(path) as stored:
        return FaceSet(stored['images'], stored['labels'])


def _morphs(real: np.ndarray, drawn: np.ndarray, seed: int, indices: np.ndarray) -> np.ndarray:
    """Morphs of ``real`` with the colours of ``drawn``, uint8 (n, 112, 112, 3)."""
    if not len(indices):
        return np.empty((0, 112, 112, 3), np.uint8)
    source = MorphedFaces(_Array(real), _Array(drawn), int(indices[-1]) + 1, seed)
    return _read(source, indices)


def held_out_sets(cache: Path) -> dict[str, FaceSet]:
    """People that nothing is trained on, for choices: 'real' (AT&T from s25, Yale B from 27, at
    most 12 photographs each) and 'drawn' (40 people, 5 pictures each).
    """
    return dict(real=_real_people(cache, held_out=True),
                drawn=read_faces(SyntheticFaces(40, 5, seed=_DRAWN_SEED,
                                                first_identity=_HELD_OUT_FROM)))


def _real_people(cache: Path, held_out: bool, most: int = 12) -> FaceSet:
    images, labels = [], []
    for name, last in _LAST_TRAINED.items():
        source = FolderFaces(str(_people_folder(name, cache)))
        each = source.labels()
        for label, person in enumerate(source.people):
            if (person > last) is not held_out:
                continue
            chosen = np.flatnonzero(each == label)
            faces = [image for image in _read(source, chosen) if image.mean() > _DARK]
            if held_out:
                faces = evenly(faces, most)
            number = len(set(labels))
            images += faces
            labels += [number] * len(faces)
    return FaceSet(np.stack(images), np.array(labels, np.int64))


def _people_folder(name: str, cache: Path) -> Path:
    """Aligned faces of a set of LRFR_DATA; Yale B, which is eye-aligned, by one affine map."""
    out = cache / f'aligned-{name}'
    folder = shared_folder(name)
    if out.is_dir():
        return out
    if folder is None:
        raise InputMissingError(f'{out} is not there, and no {name} in the directory that the '
                                'environment variable LRFR_DATA names')
    if name != 'yaleb_cropped':
        return aligned(folder, cache)
    source = FolderFaces(str(folder))
    part = out.with_suffix('.part')
    for index in range(len(source)):
        image = cv2.warpAffine(decode(source.read(index)[0], 'cv2'), _YALE_TO_TEMPLATE, (112, 112),
                               borderMode=cv2.BORDER_REFLECT)
        path = (part / source.name(index)).with_suffix('.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        # Grey: one channel is the picture.
        path.write_bytes(cv2.imencode('.png', image[..., 0])[1].tobytes())
    part.rename(out)
    return out


class _Array(FaceSource):
    """Faces in memory as a source."""

    def __init__(self, images: np.ndarray):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def read(self, index: int) -> tuple[np.ndarray, int]:
        return self.images[index], 0
