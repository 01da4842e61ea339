"""TinyFace and QMUL-SurvFace: native low resolution, large galleries, people nobody knows."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import (
    FileFaces,
    GalleryBenchmark,
    PairBenchmark,
    require_files,
)
from lrfr_mm.datasets.benchmarks.miniature import (
    People,
    draw_pairs,
    miniature,
    save_face,
    write_mat,
)
from lrfr_mm.datasets.image_files import ImageFinder, list_images
from lrfr_mm.datasets.mat_files import read_mat
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional.identification import DISTRACTOR, UNKNOWN
from lrfr_mm.files import safe_component
from lrfr_mm.ops.resample import degrade_array
from lrfr_mm.registry import DATASETS

__all__ = ['SurvFace', 'SurvFacePairs', 'TinyFace', 'read_mat_list', 'read_mat_pairs']


def read_mat_list(path: str, names_key: str, ids_key: str) -> tuple[list[str], np.ndarray]:
    """File names and identities of a MATLAB file of the QMUL sets.

    Returns:
        Names, and identities from 0, int64 (N,).

    Raises:
        InputMissingError: If it does not exist.
        InputError: If it cannot be read, lacks a variable, or an entry is not a file name with an
            identity; the text says which.
    """
    data = read_mat(path, (names_key, ids_key))
    names = [_file_name(item, f'{path}, {names_key} {k + 1}')
             for k, item in enumerate(data[names_key].ravel())]
    ids = data[ids_key].ravel()
    if ids.dtype.kind not in 'iuf' or not (
            (ids >= 0) & (ids <= 2 ** 53) & (np.floor(ids) == ids)).all():
        raise InputError(f'{path}: {ids_key} holds more than whole numbers from 0')
    if len(names) != len(ids):
        raise InputError(f'{path}: {len(names)} names, {len(ids)} identities')
    if not names:
        raise InputError(f'{path} lists no images')
    return names, ids.astype(np.int64)


def read_mat_pairs(path: str, key: str) -> list[list[str]]:
    """Pairs of file names in a MATLAB file: a cell array of two columns.

    Raises:
        InputMissingError: If it does not exist.
        InputError: If it cannot be read, has no such variable, or a row is not two different file
            names; the text has the number of the row.
    """
    rows = read_mat(path, (key,))[key]
    if rows.ndim != 2 or rows.shape[1] != 2 or len(rows) == 0:
        raise InputError(f'{path}: {key} is not a list of pairs, but of shape {rows.shape}')
    pairs = [[_file_name(item, f'{path}, {key} row {k + 1}') for item in row]
             for k, row in enumerate(rows)]
    for k, (first, second) in enumerate(pairs):
        if first == second:
            raise InputError(f'{path}, {key} row {k + 1}: {first!r} is compared with itself')
    return pairs


def _file_name(item, where: str) -> str:
    """The file name in a cell (an array of one str), or in a row of a character matrix (a str)."""
    if isinstance(item, np.ndarray):
        if item.dtype.kind != 'U' or item.size != 1:
            raise InputError(f'{where} is not a file name')
        item = item.item()
    if not isinstance(item, str):
        raise InputError(f'{where} is not a file name')
    return safe_component(str(item), where)


def _find_listed(root: str, directory: str, files: list[str], listed_in) -> list[str]:
    """Paths below ``root`` of the listed files, whose endings may have changed when aligned."""
    require_files(Path(root, directory))
    finder = ImageFinder(root, listed_in)
    return [finder.find(f'{directory}/{Path(file).stem}') for file in files]


def _listed_images(images: str, listed, unlisted: str, nobody: int):
    """Images of two listed directories, and of one whose images have no identity, end to end.

    Args:
        images: Directory of the three.
        listed: (directory, MATLAB file, KEY) twice; the file has KEY_set and KEY_ids.
        unlisted: The third directory.
        nobody: Label of its images.

    Returns:
        Paths, labels int64 (N,), and how many images each directory has.
    """
    paths, labels, counts = [], [], []
    for directory, file, key in listed:
        names, ids = read_mat_list(str(file), f'{key}_set', f'{key}_ids')
        paths += _find_listed(images, directory, names, file)
        labels.append(ids)
        counts.append(len(names))
    others = [f'{unlisted}/{name}' for name in list_images(str(Path(images, unlisted)))]
    labels.append(np.full(len(others), nobody))
    return paths + others, np.concatenate(labels), [*counts, len(others)]


@DATASETS.register_module()
class TinyFace(GalleryBenchmark):
    """TinyFace 1:N (Cheng, Zhu and Gong, ACCV 2018): 3,728 probes, 4,443 mates and 153,428
    distractors in the gallery.

    Args:
        name: Short name.
        root: The set's folder, with ``Testing_Set`` and its two ``.mat`` files.
        images: Folder with ``Probe``, ``Gallery_Match`` and ``Gallery_Distractor`` after
            alignment; default ``root/Testing_Set``.
        **kwargs: alignment, pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, root: str, images: str | None = None, **kwargs):
        test = Path(root, 'Testing_Set')
        lists = [test / 'probe_img_ID_pairs.mat', test / 'gallery_match_img_ID_pairs.mat']
        require_files(*lists, what="TinyFace's Testing_Set is expected there")
        images = str(images or test)
        paths, labels, (probes, mates, distractors) = _listed_images(
            images, (('Probe', lists[0], 'probe'), ('Gallery_Match', lists[1], 'gallery')),
            'Gallery_Distractor', DISTRACTOR)
        super().__init__(name, FileFaces(images, paths), labels, np.arange(probes, len(paths)),
                         {'': np.arange(probes)}, protocol_note=f'{probes} probes, {mates} mates, '
                         f'{distractors} distractors', **kwargs)


@DATASETS.register_module()
class SurvFace(GalleryBenchmark):
    """QMUL-SurvFace, open-set 1:N (Cheng et al., 2018): probes with and without mates.

    Args:
        name: Short name.
        root: The set's folder, with ``Face_Identification_Test_Set``.
        images: Folder with ``gallery``, ``mated_probe`` and ``unmated_probe`` after alignment;
            default ``root/Face_Identification_Test_Set``.
        **kwargs: alignment, pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, root: str, images: str | None = None, **kwargs):
        test = Path(root, 'Face_Identification_Test_Set')
        lists = [test / 'gallery_img_ID_pairs.mat', test / 'mated_probe_img_ID_pairs.mat']
        require_files(*lists,
                      what="QMUL-SurvFace's Face_Identification_Test_Set is expected there")
        images = str(images or test)
        paths, labels, (gallery, mated, unmated) = _listed_images(
            images, (('gallery', lists[0], 'gallery'),
                           ('mated_probe', lists[1], 'mated_probe')), 'unmated_probe', UNKNOWN)
        super().__init__(name, FileFaces(images, paths), labels, np.arange(gallery),
                         {'': np.arange(gallery, len(paths))},
                         protocol_note=f'{gallery} in the gallery, {mated} probes with and '
                         f'{unmated} without mates', **kwargs)


@DATASETS.register_module()
class SurvFacePairs(PairBenchmark):
    """QMUL-SurvFace, verification: listed pairs of ``Face_Verification_Test_Set``.

    Positive and negative pairs are taken in turn, so that each fold has both kinds.

    Args:
        name: Short name.
        root: The set's folder.
        images: Folder of the aligned ``verification_images``; default the set's own.
        **kwargs: alignment, pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, root: str, images: str | None = None, **kwargs):
        test = Path(root, 'Face_Verification_Test_Set')
        lists = {kind: test / f'{kind}_pairs_names.mat' for kind in ('positive', 'negative')}
        require_files(*lists.values(),
                      what="QMUL-SurvFace's Face_Verification_Test_Set is expected there")
        listed = [read_mat_pairs(str(path), f'{kind}_pairs_names')
                  for kind, path in lists.items()]
        kinds = [len(rows) for rows in listed]
        pairs = listed[0] + listed[1]
        # In turn: the k-th of n pairs of a kind comes at (k + 1/2) / n of the whole.
        place = np.concatenate([(np.arange(n) + .5) / n for n in kinds])
        order = np.argsort(place, kind='stable')
        names = sorted({file for pair in pairs for file in pair})
        index = {file: k for k, file in enumerate(names)}
        images = str(images or test)
        paths = _find_listed(images, 'verification_images', names,
                             ' or '.join(map(str, lists.values())))
        positions = np.array([[index[a], index[b]] for a, b in pairs])[order]
        is_same = (np.arange(len(pairs)) < kinds[0])[order]
        super().__init__(name, FileFaces(images, paths), positions, is_same,
                         protocol_note=f'{kinds[0]} positive and {kinds[1]} negative pairs',
                         **kwargs)


@miniature('tinyface')
def _write_tinyface(root: Path, people: People) -> None:
    test, images_of = root / 'Testing_Set', root / 'aligned'
    known = range(len(people) * 2 // 3)
    lists = {'Probe': ([], []), 'Gallery_Match': ([], [])}
    for p in known:
        for folder, images in (('Probe', (0, 1)), ('Gallery_Match', (2, 3)[:1 + p % 2])):
            for k in images:
                name = f'{p + 1}_{k + 1}.jpg'
                lists[folder][0].append(name)
                lists[folder][1].append(p + 1)
                save_face(images_of / folder / name, degrade_array(people.face(p, k), 20))
    for p in range(len(known), len(people)):
        for k in range(3):
            save_face(images_of / 'Gallery_Distractor' / f'{p * 10 + k}.jpg',
                  degrade_array(people.face(p, k), 20))
    write_mat(test / 'probe_img_ID_pairs.mat', probe_set=lists['Probe'][0],
         probe_ids=lists['Probe'][1])
    write_mat(test / 'gallery_match_img_ID_pairs.mat', gallery_set=lists['Gallery_Match'][0],
         gallery_ids=lists['Gallery_Match'][1])
    for p in range(len(people)):
        for k in range(3):
            save_face(root / 'aligned_training' / f'{p + 5000}' / f'{p + 5000}_{k + 1}.jpg',
                  degrade_array(people.face(p, k), 20))


@miniature('survface')
def _write_survface(root: Path, people: People) -> None:
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
            save_face(root / 'aligned' / folder / name, degrade_array(people.face(p, k), 24))
    write_mat(test / 'gallery_img_ID_pairs.mat', gallery_set=lists['gallery'][0],
         gallery_ids=lists['gallery'][1])
    write_mat(test / 'mated_probe_img_ID_pairs.mat', mated_probe_set=lists['mated_probe'][0],
         mated_probe_ids=lists['mated_probe'][1])
    pairs, is_same = draw_pairs(people, 80, 6)
    verification = root / 'Face_Verification_Test_Set'
    for kind, same in (('positive', True), ('negative', False)):
        rows = [[f'{p + 1}_cam1_{k + 1}.jpg' for p, k in pair]
                for pair, s in zip(pairs, is_same, strict=True) if s == same]
        write_mat(verification / f'{kind}_pairs_names.mat', **{f'{kind}_pairs_names': rows})
    for p in range(len(people)):
        for k in range(4):
            save_face(root / 'aligned' / 'verification_images' / f'{p + 1}_cam1_{k + 1}.jpg',
                  degrade_array(people.face(p, k), 24))
