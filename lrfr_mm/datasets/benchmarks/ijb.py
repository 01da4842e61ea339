"""IJB-B and IJB-C: templates of still images and video frames."""
from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from lrfr_mm.datasets.benchmarks.base import FileFaces, TemplateBenchmark, require_files
from lrfr_mm.datasets.benchmarks.miniature import People, miniature, save_face
from lrfr_mm.datasets.image_files import ImageFinder
from lrfr_mm.datasets.text_lists import as_number, read_lines
from lrfr_mm.errors import InputError, reading
from lrfr_mm.files import safe_relative_path
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
        root: The set's directory, with ``meta``.
        prefix: What the names in ``meta`` begin with; default ``name``.
        images: Directory of the aligned images; default ``root/aligned``.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        InputMissingError: If a file is missing.
        InputError: If a file does not have the form above, or names an unknown template.
    """

    def __init__(self, name: str, root: str, prefix: str | None = None, images: str | None = None,
                 **kwargs):
        meta, prefix = Path(root, 'meta'), prefix or name
        images = str(images or Path(root, 'aligned'))
        media_file = meta / f'{prefix}_face_tid_mid.txt'
        pair_file = meta / f'{prefix}_template_pair_label.txt'
        require_files(media_file, pair_file, images, what=f'the metadata are expected in {meta}, '
                      f'aligned images in {images}')
        files, numbers = _read_media(media_file)
        pairs = _read_pairs(pair_file, numbers[:, 0], media_file)
        scores_file = meta / f'{prefix}_name_5pts_score.txt'
        scores = _read_scores(scores_file, files, media_file) if scores_file.is_file() else None
        galleries, probes = {}, None
        for key in ('G1', 'G2'):
            path = meta / f'{prefix}_1N_gallery_{key}.csv'
            if path.is_file():
                galleries[key] = _read_subjects(path, numbers[:, 0], media_file)
        if galleries:
            path = meta / f'{prefix}_1N_probe_mixed.csv'
            require_files(path)
            probes = _read_subjects(path, numbers[:, 0], media_file)
        finder = ImageFinder(images, media_file)
        paths = [finder.find(os.path.splitext(file)[0]) for file in files]
        note = f'{len(files)} images, {len(np.unique(numbers[:, 0]))} templates, {len(pairs)} pairs'
        super().__init__(name, FileFaces(images, paths), numbers[:, 0], numbers[:, 1],
                         pairs[:, :2], pairs[:, 2] == 1, galleries, probes, scores,
                         protocol_note=note, **kwargs)


def _read_media(path: Path) -> tuple[list[str], np.ndarray]:
    """Lines "IMAGE TEMPLATE MEDIUM": the images, and int64 (N, 2) of the other columns."""
    files, numbers = [], []
    for number, line in read_lines(path):
        words = line.split()
        if len(words) != 3 or None in (as_number(words[1]), as_number(words[2])):
            raise InputError(f'{path}, line {number}: "IMAGE TEMPLATE MEDIUM" expected, got '
                             f'{line[:80]!r}')
        files.append(safe_relative_path(words[0], f'{path}, line {number}'))
        numbers.append((as_number(words[1]), as_number(words[2])))
    if not files:
        raise InputError(f'{path} is empty')
    return files, np.array(numbers, np.int64)


def _read_pairs(path: Path, templates: np.ndarray, listed_in: Path) -> np.ndarray:
    """Lines "TEMPLATE TEMPLATE LABEL", int64 (P, 3), of ``templates`` that the file ``listed_in``
    has; IJB-C has 15.7 million.
    """
    with reading(str(path)), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of an empty file, which is an error below
        pairs = np.loadtxt(path, np.int64, comments=None, ndmin=2, encoding='utf-8-sig')
    if pairs.size == 0:
        raise InputError(f'{path} is empty')
    if pairs.shape[1] != 3:
        raise InputError(f'{path}: "TEMPLATE TEMPLATE LABEL" expected, got {pairs[0].tolist()}')
    for wrong, what in ((~np.isin(pairs[:, 2], (0, 1)), 'a label that is neither 0 nor 1'),
                        (pairs[:, 0] == pairs[:, 1], 'a template that is compared with itself'),
                        (~np.isin(pairs[:, :2], templates).all(1),
                         f'a template without images in {listed_in}')):
        if wrong.any():
            first = int(wrong.argmax())
            raise InputError(f'{path}, pair {first + 1}: {pairs[first].tolist()} has {what}')
    return pairs


def _read_scores(path: Path, files: list[str], listed_in: Path) -> np.ndarray:
    """The last column, the detector's score, of the line of each of ``files`` (of the file
    ``listed_in``), float32 (N,)."""
    found = {}
    for number, line in read_lines(path):
        words = line.split()
        try:
            score = float(words[-1])
        except ValueError:
            score = float('nan')
        if len(words) < 2 or not np.isfinite(score):
            raise InputError(f'{path}, line {number}: a name and numbers expected, got '
                             f'{line[:80]!r}')
        found[words[0]] = score
    missing = next((file for file in files if file not in found), None)
    if missing is not None:
        raise InputError(f'{path} has no line for {missing}, which {listed_in} lists')
    return np.array([found[file] for file in files], np.float32)


def _read_subjects(path: Path, templates: np.ndarray, listed_in: Path
                   ) -> tuple[np.ndarray, np.ndarray]:
    """Templates and subjects of a 1:N list (a heading, then "TEMPLATE,SUBJECT,..."), each template
    once, int64 (T,) both.
    """
    known, subjects = set(templates.tolist()), {}
    for number, line in read_lines(path)[1:]:
        template, subject = [as_number(word) for word in (*line.split(','), '')[:2]]
        where = f'{path}, line {number}'
        if template is None or subject is None:
            raise InputError(f'{where}: "TEMPLATE,SUBJECT,..." expected, got {line[:80]!r}')
        if template not in known:
            raise InputError(f'{where}: template {template} has no images in {listed_in}')
        if subjects.setdefault(template, subject) != subject:
            raise InputError(f'{where}: template {template} has two subjects, '
                             f'{subjects[template]} and {subject}')
    if not subjects:
        raise InputError(f'{path} lists no templates')
    return np.array(list(subjects), np.int64), np.array(list(subjects.values()), np.int64)


def _write_ijb(root: Path, people: People, name: str) -> None:
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
                save_face(root / 'aligned' / file, people.face(p, 3 * template + k))
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


@miniature('ijbb')
def _write_ijbb(root: Path, people: People) -> None:
    _write_ijb(root, people, 'ijbb')


@miniature('ijbc')
def _write_ijbc(root: Path, people: People) -> None:
    _write_ijb(root, people, 'ijbc')
