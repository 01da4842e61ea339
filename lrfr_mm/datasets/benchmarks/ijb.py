"""IJB-B and IJB-C: templates of still images and video frames."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, TemplateBenchmark, need
from lrfr_mm.registry import DATASETS

__all__ = ['IJB']


@DATASETS.register_module()
class IJB(TemplateBenchmark):
    """IJB-B or IJB-C in the form that insightface's evaluation uses.

    ``root/meta/SET_face_tid_mid.txt`` (image, template, medium), ``SET_template_pair_label.txt``
    (two templates, 1 or 0), ``SET_name_5pts_score.txt`` (image, ten numbers, detector's score;
    optional), ``SET_1N_gallery_G1.csv``, ``..._G2.csv`` and ``SET_1N_probe_mixed.csv`` (template,
    subject, ...; optional). The images are the aligned ones of ``loose_crop``.

    Args:
        name: Short name ('ijbb', 'ijbc').
        root: The set's folder, with ``meta``.
        prefix: What the names in ``meta`` begin with; default ``name``.
        images: Folder of the aligned images; default ``root/aligned``.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file does not have the form above, or names an unknown template.
    """

    def __init__(self, name: str, root: str, prefix: str | None = None, images: str | None = None,
                 **kwargs):
        meta, prefix = Path(root, 'meta'), prefix or name
        images = str(images or Path(root, 'aligned'))
        media_file = meta / f'{prefix}_face_tid_mid.txt'
        pair_file = meta / f'{prefix}_template_pair_label.txt'
        need(name, media_file, pair_file, images, what=f'the metadata are expected in {meta}, '
             f'aligned images in {images}')
        rows = _read(media_file, str)
        if rows.shape[1] != 3:
            raise ValueError(f'{media_file}: "IMAGE TEMPLATE MEDIUM" expected, got {rows[0]}')
        files, numbers = rows[:, 0].tolist(), rows[:, 1:].astype(np.int64)
        pairs = _read(pair_file, np.int64)
        if pairs.shape[1] != 3:
            raise ValueError(f'{pair_file}: "TEMPLATE TEMPLATE LABEL" expected, got {pairs[0]}')
        unknown = np.setdiff1d(pairs[:, :2], numbers[:, 0])
        if len(unknown):
            raise ValueError(f'{pair_file} names template {unknown[0]}, which has no image')
        scores_file = meta / f'{prefix}_name_5pts_score.txt'
        scores = None
        if scores_file.is_file():
            table = _read(scores_file, str)
            by_name = dict(zip(table[:, 0].tolist(), table[:, -1].astype(np.float32),
                               strict=True))
            missing = next((file for file in files if file not in by_name), None)
            if missing is not None:
                raise ValueError(f'{scores_file} has no line for {missing}')
            scores = np.array([by_name[file] for file in files], np.float32)
        galleries, probes = {}, None
        for key in ('G1', 'G2'):
            path = meta / f'{prefix}_1N_gallery_{key}.csv'
            if path.is_file():
                galleries[key] = _subjects(path)
        if galleries:
            path = meta / f'{prefix}_1N_probe_mixed.csv'
            need(name, path)
            probes = _subjects(path)
        paths = [_aligned(name, images, file) for file in files]
        note = f'{len(files)} images, {len(np.unique(numbers[:, 0]))} templates, {len(pairs)} pairs'
        super().__init__(name, FileFaces(images, paths), numbers[:, 0], numbers[:, 1],
                         pairs[:, :2], pairs[:, 2] == 1, galleries, probes, scores,
                         protocol_note=note, **kwargs)


def _read(path: Path, dtype) -> np.ndarray:
    try:
        table = np.loadtxt(path, dtype, comments=None, ndmin=2)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    if len(table) == 0:
        raise ValueError(f'{path} is empty')
    return table


def _subjects(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Templates and subjects of a 1:N list, each template once."""
    try:
        table = np.loadtxt(path, np.int64, delimiter=',', skiprows=1, usecols=(0, 1), ndmin=2)
    except (ValueError, IndexError) as error:
        raise ValueError(f'{path}: {error}') from None
    _, first = np.unique(table[:, 0], return_index=True)
    first.sort()
    return table[first, 0], table[first, 1]


def _aligned(name: str, images: str, file: str) -> str:
    stem = os.path.splitext(file)[0]
    for suffix in ('.jpg', '.png'):
        if os.path.isfile(os.path.join(images, stem + suffix)):
            return stem + suffix
    raise FileNotFoundError(f'benchmark {name}: {images}/{file} is listed, but missing')
