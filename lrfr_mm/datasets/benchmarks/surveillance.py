"""TinyFace and QMUL-SurvFace: native low resolution, large galleries, people nobody knows."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, GalleryBenchmark, PairBenchmark, need
from lrfr_mm.registry import DATASETS

__all__ = ['SurvFace', 'SurvFacePairs', 'TinyFace', 'read_mat_list']

_SUFFIXES = ('.jpg', '.png', '.jpeg', '.JPG')


def read_mat_list(path: str, names_key: str, ids_key: str) -> tuple[list[str], np.ndarray]:
    """File names and identities of a MATLAB file of the QMUL sets.

    Returns:
        Names, and identities as int64.

    Raises:
        ValueError: If it is no MATLAB file, or lacks a variable; the text says which.
    """
    from scipy.io import loadmat
    try:
        data = loadmat(path)
    except Exception as error:  # scipy raises many kinds for foreign files
        raise ValueError(f'{path} is not a MATLAB file: {error}') from None
    for key in (names_key, ids_key):
        if key not in data:
            raise ValueError(f'{path} has no variable {key!r}, but '
                             f'{", ".join(k for k in data if not k.startswith("__"))}')
    names = [str(np.asarray(cell).ravel()[0]) for cell in data[names_key].ravel()]
    ids = data[ids_key].ravel().astype(np.int64)
    if len(names) != len(ids):
        raise ValueError(f'{path}: {len(names)} names, {len(ids)} identities')
    return names, ids


def _existing(name: str, root: str, folder: str, files: list[str]) -> list[str]:
    """Paths below ``root`` of the listed files, whose endings may have changed when aligned."""
    directory = os.path.join(root, folder)
    need(name, directory)
    there = {os.path.splitext(entry)[0]: entry for entry in os.listdir(directory)
             if entry.endswith(_SUFFIXES)}
    paths = []
    for file in files:
        stem = os.path.splitext(file)[0]
        if stem not in there:
            raise FileNotFoundError(f'benchmark {name}: {directory}/{file} is listed, but missing')
        paths.append(f'{folder}/{there[stem]}')
    return paths


def _all_images(name: str, root: str, folder: str) -> list[str]:
    directory = os.path.join(root, folder)
    need(name, directory)
    return [f'{folder}/{entry}' for entry in sorted(os.listdir(directory))
            if entry.endswith(_SUFFIXES)]


def _listed_images(name: str, images: str, listed, unlisted: str):
    """Images of two listed folders and of one whose people are nobody's, end to end.

    Args:
        name: Of the benchmark.
        images: Folder of the folders.
        listed: (folder, MATLAB file, KEY) twice; the file has KEY_set and KEY_ids.
        unlisted: The third folder.

    Returns:
        Paths, identities (-1 in the third folder), and how many images each folder has.
    """
    paths, labels, counts = [], [], []
    for folder, file, key in listed:
        names, ids = read_mat_list(str(file), f'{key}_set', f'{key}_ids')
        paths += _existing(name, images, folder, names)
        labels.append(ids)
        counts.append(len(names))
    others = _all_images(name, images, unlisted)
    labels.append(np.full(len(others), -1))
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
        need(name, *lists, what='TinyFace\'s Testing_Set is expected there')
        images = str(images or test)
        paths, labels, (probes, mates, distractors) = _listed_images(
            name, images, (('Probe', lists[0], 'probe'), ('Gallery_Match', lists[1], 'gallery')),
            'Gallery_Distractor')
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
        need(name, *lists, what='QMUL-SurvFace\'s Face_Identification_Test_Set is expected there')
        images = str(images or test)
        paths, labels, (gallery, mated, unmated) = _listed_images(
            name, images, (('gallery', lists[0], 'gallery'),
                           ('mated_probe', lists[1], 'mated_probe')), 'unmated_probe')
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
        from scipy.io import loadmat
        test = Path(root, 'Face_Verification_Test_Set')
        listed, kinds = [], []
        for kind in ('positive', 'negative'):
            path = test / f'{kind}_pairs_names.mat'
            need(name, path, what='QMUL-SurvFace\'s Face_Verification_Test_Set is expected there')
            data = loadmat(path)
            key = f'{kind}_pairs_names'
            if key not in data:
                raise ValueError(f'{path} has no variable {key!r}')
            rows = [[str(np.asarray(cell).ravel()[0]) for cell in row] for row in data[key]]
            listed.append(rows)
            kinds.append(len(rows))
        pairs = listed[0] + listed[1]
        # In turn: the k-th of n pairs of a kind comes at (k + 1/2) / n of the whole.
        place = np.concatenate([(np.arange(n) + .5) / n for n in kinds])
        order = np.argsort(place, kind='stable')
        names = sorted({file for pair in pairs for file in pair})
        index = {file: k for k, file in enumerate(names)}
        images = str(images or test)
        paths = _existing(name, images, 'verification_images', names)
        positions = np.array([[index[a], index[b]] for a, b in pairs])[order]
        is_same = (np.arange(len(pairs)) < kinds[0])[order]
        super().__init__(name, FileFaces(images, paths), positions, is_same,
                         protocol_note=f'{kinds[0]} positive and {kinds[1]} negative pairs',
                         **kwargs)
