"""Miniatures of every benchmark in its true layout: to try a pipeline, or test one, without them.

File names, lists, MATLAB and pickle files are as in the real sets, with the aligned images in
``aligned/`` as docs/datasets.md lays them out; the faces are drawn, or come from any source of
people.
"""
from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.benchmarks.sampled_pairs import sample_pairs
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.ops.align import centre_crop
from lrfr_mm.ops.resample import degrade_array

__all__ = ['MINIATURES', 'write_miniatures']


class _People:
    """A source's images by person, as 112x112 RGB arrays."""

    def __init__(self, source: FaceSource, seed: int):
        self.source, self.rng = source, np.random.default_rng(seed)
        labels = source.labels()
        order = np.argsort(labels, kind='stable')
        _, starts = np.unique(labels[order], return_index=True)
        self.images = [group for group in np.split(order, starts[1:]) if len(group) > 1]
        if len(self.images) < 6:
            raise ValueError(f'{source}: at least six people with two images are needed, there are '
                             f'{len(self.images)}')

    def __len__(self) -> int:
        return len(self.images)

    def face(self, person: int, k: int) -> np.ndarray:
        group = self.images[person]
        data = self.source.read(int(group[k % len(group)]))[0]
        image = data if isinstance(data, np.ndarray) else decode(data, 'pillow')
        return centre_crop(image, 112)


def _save(path: Path, image: np.ndarray, quality: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_jpeg(image, quality))


def _jpeg(image: np.ndarray, quality: int = 95) -> bytes:
    return cv2.imencode('.jpg', np.ascontiguousarray(image[..., ::-1]),
                        [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _pairs(people: _People, count: int, seed: int, images: int = 4):
    """(person, image) twice, and whether they are one person: half of each, in turn."""
    labels = np.repeat(np.arange(len(people)), images)
    pairs, is_same = sample_pairs(labels, count, seed)
    return [[divmod(int(i), images) for i in pair] for pair in pairs], is_same


def _lfw(root: Path, people: _People, name: str = 'lfw', low: bool = False) -> None:
    pairs, is_same = _pairs(people, 120, 1)
    lines, names = [], [f'Person_{p:03d}' for p in range(len(people))]
    per_fold = len(pairs) // 10
    for fold in range(10):  # LFW's folds list the same pairs first
        part = range(fold * per_fold, (fold + 1) * per_fold)
        for same in (True, False):
            for k in part:
                if is_same[k] == same:
                    (a, i), (b, j) = pairs[k]
                    lines.append(f'{names[a]}\t{i + 1}\t{j + 1}' if same else
                                 f'{names[a]}\t{i + 1}\t{names[b]}\t{j + 1}')
    for p in range(len(people)):
        for k in range(4):
            face = people.face(p, k)
            if low and k % 2:
                face = degrade_array(face, int(people.rng.choice([10, 16, 24])))
            _save(root / 'aligned' / names[p] / f'{names[p]}_{k + 1:04d}.jpg', face)
    header = f'10\t{per_fold // 2}'
    (root / ('pairs.txt' if name == 'lfw' else f'{name}_pairs.txt')).write_text(
        '\n'.join([header, *lines]) + '\n')


def _xqlfw(root: Path, people: _People) -> None:
    _lfw(root, people, 'xqlfw', low=True)


def _cfp(root: Path, people: _People) -> None:
    (root / 'Protocol').mkdir(parents=True, exist_ok=True)
    numbers = {}
    for side, folder, images in (('F', 'frontal', 3), ('P', 'profile', 2)):
        lines = []
        for p in range(len(people)):
            for k in range(images):
                name = f'{p + 1:03d}/{folder}/{k + 1:02d}'
                numbers[side, p, k] = len(lines) + 1
                lines.append(f'{len(lines) + 1} ../Data/Images/{name}.jpg')
                face = people.face(p, k if side == 'F' else 3 + k)
                _save(root / 'aligned' / 'Data' / 'Images' / f'{name}.jpg', face)
        (root / 'Protocol' / f'Pair_list_{side}.txt').write_text('\n'.join(lines) + '\n')
    for kind in ('FP', 'FF'):
        second = kind[1]
        for fold in range(1, 11):
            folder = root / 'Protocol' / 'Split' / kind / f'{fold:02d}'
            folder.mkdir(parents=True, exist_ok=True)
            same, different = [], []
            for _ in range(6):
                p, q = people.rng.choice(len(people), 2, replace=False)
                i, j = people.rng.choice(2, 2, replace=False)
                same.append(f'{numbers["F", p, i]},{numbers[second, p, j]}')
                different.append(f'{numbers["F", p, i]},{numbers[second, q, j]}')
            (folder / 'same.txt').write_text('\n'.join(same) + '\n')
            (folder / 'diff.txt').write_text('\n'.join(different) + '\n')


def _two_lines(root: Path, people: _People, name: str, template: str) -> None:
    pairs, is_same = _pairs(people, 120, 2)
    lines = []
    for same in (True, False):  # all same pairs first, as in the real lists
        for pair, kind in zip(pairs, is_same, strict=True):
            if kind == same:
                lines += [f'{template.format(person=p, number=k + 1)} {int(same)}'
                          for p, k in pair]
    (root / f'pairs_{name}.txt').parent.mkdir(parents=True, exist_ok=True)
    (root / f'pairs_{name}.txt').write_text('\n'.join(lines) + '\n')
    for p in range(len(people)):
        for k in range(4):
            _save(root / 'aligned' / template.format(person=p, number=k + 1),
                  people.face(p, k))


def _calfw(root: Path, people: _People) -> None:
    _two_lines(root, people, 'CALFW', 'Person_{person:03d}_{number:04d}.jpg')


def _cplfw(root: Path, people: _People) -> None:
    _two_lines(root, people, 'CPLFW', 'Person_{person:03d}_{number}.jpg')


def _bin(root: Path, people: _People) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, seed in (('agedb_30', 3), ('lfw', 4), ('cfp_fp', 5)):
        pairs, is_same = _pairs(people, 100, seed)
        images = [_jpeg(people.face(*item)) for pair in pairs for item in pair]
        with open(root / f'{name}.bin', 'wb') as file:
            pickle.dump((images, is_same.tolist()), file, protocol=4)


def _scface(root: Path, people: _People) -> None:
    sides = {1: 14, 2: 28, 3: 56}
    for p in range(len(people)):
        person = f'{p + 1:03d}'
        _save(root / 'aligned' / 'mugshot_frontal' / f'{person}_frontal.JPG', people.face(p, 0))
        for distance, side in sides.items():
            for camera in range(1, 6):
                face = degrade_array(people.face(p, camera), side)
                _save(root / 'aligned' / f'surveillance_cameras_distance_{distance}'
                      / f'cam_{camera}' / f'{person}_cam{camera}_{distance}.jpg', face)


def _mat(path: Path, **variables) -> None:
    from scipy.io import savemat
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = {}
    for key, value in variables.items():
        if key.endswith('_ids'):
            cells[key] = np.array(value, np.uint16)[:, None]
        else:  # MATLAB's cell array of strings
            rows = value if isinstance(value[0], list) else [[item] for item in value]
            cell = np.empty((len(rows), len(rows[0])), object)
            cell[:] = rows
            cells[key] = cell
    savemat(path, cells)


def _tinyface(root: Path, people: _People) -> None:
    test, images_of = root / 'Testing_Set', root / 'aligned'
    known = range(len(people) * 2 // 3)
    lists = {'Probe': ([], []), 'Gallery_Match': ([], [])}
    for p in known:
        for folder, images in (('Probe', (0, 1)), ('Gallery_Match', (2, 3)[:1 + p % 2])):
            for k in images:
                name = f'{p + 1}_{k + 1}.jpg'
                lists[folder][0].append(name)
                lists[folder][1].append(p + 1)
                _save(images_of / folder / name, degrade_array(people.face(p, k), 20))
    for p in range(len(known), len(people)):
        for k in range(3):
            _save(images_of / 'Gallery_Distractor' / f'{p * 10 + k}.jpg',
                  degrade_array(people.face(p, k), 20))
    _mat(test / 'probe_img_ID_pairs.mat', probe_set=lists['Probe'][0],
         probe_ids=lists['Probe'][1])
    _mat(test / 'gallery_match_img_ID_pairs.mat', gallery_set=lists['Gallery_Match'][0],
         gallery_ids=lists['Gallery_Match'][1])
    for p in range(len(people)):
        for k in range(3):
            _save(root / 'aligned_training' / f'{p + 5000}' / f'{p + 5000}_{k + 1}.jpg',
                  degrade_array(people.face(p, k), 20))


def _survface(root: Path, people: _People) -> None:
    test = root / 'Face_Identification_Test_Set'
    known = len(people) * 2 // 3
    lists = {'gallery': ([], []), 'mated_probe': ([], [])}
    for p in range(len(people)):
        for k in range(4):
            name = f'{p + 1}_cam{k % 3 + 1}_{k + 1}.jpg'
            folder = 'unmated_probe' if p >= known else 'gallery' if k < 2 else 'mated_probe'
            if p < known:
                lists[folder][0].append(name)
                lists[folder][1].append(p + 1)
            _save(root / 'aligned' / folder / name, degrade_array(people.face(p, k), 24))
    _mat(test / 'gallery_img_ID_pairs.mat', gallery_set=lists['gallery'][0],
         gallery_ids=lists['gallery'][1])
    _mat(test / 'mated_probe_img_ID_pairs.mat', mated_probe_set=lists['mated_probe'][0],
         mated_probe_ids=lists['mated_probe'][1])
    pairs, is_same = _pairs(people, 80, 6)
    verification = root / 'Face_Verification_Test_Set'
    for kind, same in (('positive', True), ('negative', False)):
        rows = [[f'{p + 1}_cam1_{k + 1}.jpg' for p, k in pair]
                for pair, s in zip(pairs, is_same, strict=True) if s == same]
        _mat(verification / f'{kind}_pairs_names.mat', **{f'{kind}_pairs_names': rows})
    for p in range(len(people)):
        for k in range(4):
            _save(root / 'aligned' / 'verification_images' / f'{p + 1}_cam1_{k + 1}.jpg',
                  degrade_array(people.face(p, k), 24))


def _ijb(root: Path, people: _People, name: str) -> None:
    meta = root / 'meta'
    meta.mkdir(parents=True, exist_ok=True)
    media, scores, subjects = [], [], {}
    number = 0
    for p in range(len(people)):
        for template in range(3):  # two for the galleries, one for the probes
            tid = 10 * p + template + 1
            subjects[tid] = p + 1
            for k in range(3):
                number += 1
                file = f'{number}.jpg'
                medium = 100 * tid + (0 if k < 2 else 1)  # the first two are frames of one video
                media.append(f'{file} {tid} {medium}')
                scores.append(f'{file} ' + ' '.join(['50.0'] * 10)
                              + f' {people.rng.uniform(.8, 1):.6f}')
                _save(root / 'aligned' / file, people.face(p, 3 * template + k))
    (meta / f'{name}_face_tid_mid.txt').write_text('\n'.join(media) + '\n')
    (meta / f'{name}_name_5pts_score.txt').write_text('\n'.join(scores) + '\n')
    tids = np.array(list(subjects))
    pairs = [(int(a), int(b)) for a in tids for b in tids if a < b]
    rows = [f'{a} {b} {int(subjects[a] == subjects[b])}' for a, b in pairs]
    (meta / f'{name}_template_pair_label.txt').write_text('\n'.join(rows) + '\n')
    header = 'TEMPLATE_ID,SUBJECT_ID,FILENAME\n'

    def table(path: str, wanted) -> None:
        (meta / path).write_text(header + ''.join(f'{tid},{subjects[tid]},x.jpg\n'
                                                  for tid in wanted))

    half = len(people) // 2
    table(f'{name}_1N_gallery_G1.csv', [10 * p + 1 for p in range(half)])
    table(f'{name}_1N_gallery_G2.csv', [10 * p + 2 for p in range(half, len(people))])
    table(f'{name}_1N_probe_mixed.csv', [10 * p + 3 for p in range(len(people))])


MINIATURES = {
    'lfw': _lfw, 'xqlfw': _xqlfw, 'cfp': _cfp, 'calfw': _calfw, 'cplfw': _cplfw, 'bin': _bin,
    'scface': _scface, 'tinyface': _tinyface, 'survface': _survface,
    'ijbb': lambda root, people: _ijb(root, people, 'ijbb'),
    'ijbc': lambda root, people: _ijb(root, people, 'ijbc'),
}


def write_miniatures(root: str, source: FaceSource, names=None, seed: int = 0) -> list[Path]:
    """Write miniatures into ``root/NAME``.

    Args:
        root: Folder.
        source: People: at least six with two images or more; each is resized to 112x112.
        names: Which of ``MINIATURES``; None for all.
        seed: Of the draws.

    Returns:
        The folders written.

    Raises:
        ValueError: For an unknown name, or too few people.
        FileExistsError: If a folder is there already.
    """
    names = list(MINIATURES) if names is None else list(names)
    for name in names:
        if name not in MINIATURES:
            raise ValueError(f'there is no miniature {name!r}, but {", ".join(MINIATURES)}')
    folders = [Path(root, name) for name in names]
    for folder in folders:
        if folder.exists():
            raise FileExistsError(f'{folder} is there already: nothing is overwritten')
    for name, folder in zip(names, folders, strict=True):
        MINIATURES[name](folder, _People(source, seed))
    return folders
