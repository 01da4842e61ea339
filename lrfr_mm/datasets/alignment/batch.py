"""Whole folders of photographs: aligned images, a manifest, and a sheet of the worst."""
from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from lrfr_mm.datasets.alignment.aligner import Aligned, FaceAligner
from lrfr_mm.datasets.alignment.landmark_files import read_landmarks
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.parquet import import_pyarrow
from lrfr_mm.errors import InputError, InputExistsError, InputMissingError, reading
from lrfr_mm.files import whole_file, write_text

__all__ = ['AlignSettings', 'align_folder', 'find_images', 'flip_error', 'import_modules',
           'report_lines', 'worst_sheet', 'write_worst_sheet']

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
_CHUNK = 200


@dataclass
class AlignSettings:
    """How to align; see FaceAligner.

    Attributes:
        detector, missing, size: Arguments of FaceAligner.
        landmarks: (path, layout, groups) of a landmark file, see ``read_landmarks``; or None.
        suffix: '.png' or '.jpg' (quality 95).
        flip_check: Also measure ``flip_error`` of each photograph.
        custom_imports: Modules that register detectors; each process imports them.

    Raises:
        InputError: Without detector and landmarks.
    """

    detector: dict | None
    missing: str = 'skip'
    size: int = 112
    landmarks: tuple | None = None
    suffix: str = '.png'
    flip_check: bool = False
    custom_imports: tuple[str, ...] = ()

    def __post_init__(self):
        if self.detector is None and self.landmarks is None:
            raise InputError('alignment needs a detector, or landmarks of all photographs')


def find_images(root: str) -> list[str]:
    """Image files below ``root``, sorted, relative to it.

    Raises:
        FileNotFoundError: If ``root`` is no folder.
        ValueError: If it holds no image.
    """
    if not os.path.isdir(root):
        raise InputMissingError(f'{root} is not a folder')
    found = sorted(os.path.relpath(os.path.join(folder, file), root)
                   for folder, _, files in os.walk(root, followlinks=True) for file in files
                   if file.lower().endswith(_SUFFIXES))
    if not found:
        raise InputError(f'{root} holds no image ({", ".join(_SUFFIXES)})')
    return found


def import_modules(modules: Sequence[str]) -> None:
    """Import modules that register components; those beside the caller are found as well.

    Raises:
        InputError: If one cannot be imported; the text names it.
    """
    if modules and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in modules:
        with reading(f'custom import {module}'):
            import_module(module)


def flip_error(aligner: FaceAligner, image: np.ndarray, aligned: Aligned) -> float:
    """Mean distance of the landmarks from those of the mirrored photograph, in eye distances."""
    if aligned.landmarks is None or aligned.policy == 'given':
        return float('nan')
    mirrored = aligner(np.ascontiguousarray(image[:, ::-1]))
    if mirrored.landmarks is None:
        return float('nan')
    back = mirrored.landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [image.shape[1] - 1, 0]
    eyes = np.linalg.norm(aligned.landmarks[0] - aligned.landmarks[1])
    return float(np.linalg.norm(back - aligned.landmarks, axis=1).mean() / eyes)


class _Worker:
    """Aligns chunks of files; one in each process."""

    def __init__(self, root: str, out: str, settings: AlignSettings):
        cv2.setNumThreads(1)
        self.root, self.out, self.settings = Path(root), Path(out), settings
        import_modules(settings.custom_imports)
        self.aligner = FaceAligner(settings.detector, settings.missing, settings.size)
        self.points = read_landmarks(*settings.landmarks) if settings.landmarks else None

    def row(self, name: str) -> dict:
        """Align one file; returns its line of the manifest."""
        row = dict(source=name, output=None, policy='unreadable', note='')
        aligned, image, score = Aligned(None, 'unreadable'), None, float('nan')
        try:
            image = decode((self.root / name).read_bytes(), 'cv2')
            aligned = self.aligner(image, self._given(name))
            row['policy'] = aligned.policy
        except (ValueError, OSError) as error:
            row['note'] = str(error)
        if aligned.image is not None:
            output = Path(name).with_suffix(self.settings.suffix)
            row['output'] = str(output)
            with whole_file(self.out / output) as part:
                part.write_bytes(cv2.imencode(self.settings.suffix, aligned.image[..., ::-1]
                                              )[1].tobytes())  # JPEG: OpenCV's 95
            grey = cv2.cvtColor(aligned.image, cv2.COLOR_RGB2GRAY)
            row.update(brightness=float(grey.mean()),
                       sharpness=float(cv2.Laplacian(grey, cv2.CV_64F).var()))
        if self.settings.flip_check and image is not None:
            score = flip_error(self.aligner, image, aligned)
        box = [None] * 4 if aligned.box is None else aligned.box.tolist()
        row.update(dict(zip(('x0', 'y0', 'x1', 'y1'), box, strict=True)))
        points = None if aligned.landmarks is None else aligned.landmarks.ravel().tolist()
        row.update(landmarks=points, faces=aligned.faces, score=aligned.score,
                   residual=aligned.residual, native=aligned.native, flip_error=score)
        return row

    def _given(self, name: str) -> np.ndarray | None:
        if self.points is None:
            return None
        stem = os.path.splitext(name)[0]
        for key in (stem.replace(os.sep, '/'), os.path.basename(stem)):
            if key in self.points:
                return self.points[key]
        if self.aligner.detector is None:
            raise InputError('the landmark file has no line for it')
        return None


_worker: _Worker | None = None


def _start(*arguments) -> None:
    global _worker
    _worker = _Worker(*arguments)


def _work(job: tuple[int, list[str], str]) -> int:
    number, names, folder = job
    write_text(Path(folder, f'{number:06d}.json'), json.dumps([_worker.row(n) for n in names]))
    return len(names)


def align_folder(root: str, out: str, settings: AlignSettings, workers: int = 1,
                 progress: bool = True) -> list[dict]:
    """Align every image below ``root`` into ``out``, keeping the names of folders and files.

    Everything is made in ``out.part`` and moved when it is complete; a second start goes on where
    the first was cut.

    Returns:
        The rows of ``out/manifest.parquet``.

    Raises:
        FileExistsError: If ``out`` is there already.
    """
    destination = Path(out)
    if destination.exists():
        raise InputExistsError(f'{out} is there already: nothing is overwritten')
    arrow, parquet = import_pyarrow()
    _Worker(root, out, settings)  # what cannot be built fails before anything is made
    names = find_images(root)
    outputs = {}
    for name in names:
        output = str(Path(name).with_suffix(settings.suffix))
        if output in outputs:
            raise InputError(f'{name} and {outputs[output]} would both become {output}')
        outputs[output] = name
    folder = destination.with_name(destination.name + '.part')
    plan = json.dumps(dict(root=str(root), images=len(names), settings=asdict(settings)))
    if (folder / 'plan.json').is_file() and (folder / 'plan.json').read_text() != plan:
        raise InputExistsError(f'{folder} holds the beginning of another run: remove it, or give '
                              'that run\'s arguments')
    write_text(folder / 'plan.json', plan)
    state = folder / '.rows'
    jobs = [(k, names[start:start + _CHUNK], str(state)) for k, start in
            enumerate(range(0, len(names), _CHUNK))]
    todo = [job for job in jobs if not (state / f'{job[0]:06d}.json').is_file()]
    with tqdm(total=len(names), initial=len(names) - sum(len(job[1]) for job in todo), unit='img',
              disable=not progress) as bar:
        if workers <= 1 or len(todo) <= 1:
            _start(str(root), str(folder), settings)
            for job in todo:
                bar.update(_work(job))
        else:
            with multiprocessing.get_context('spawn').Pool(
                    workers, _start, (str(root), str(folder), settings)) as pool:
                for done in pool.imap_unordered(_work, todo):
                    bar.update(done)
    rows = [row for job in jobs for row in json.loads((state / f'{job[0]:06d}.json').read_text())]
    schema = arrow.schema([
        *((key, arrow.string()) for key in ('source', 'output', 'policy', 'note')),
        ('faces', arrow.int32()), ('landmarks', arrow.list_(arrow.float64())),
        *((key, arrow.float64()) for key in ('x0', 'y0', 'x1', 'y1', 'score', 'residual', 'native',
                                             'brightness', 'sharpness', 'flip_error'))],
        metadata={'settings': json.dumps(asdict(settings))})
    table = arrow.table({field.name: arrow.array([row.get(field.name) for row in rows], field.type)
                         for field in schema}, schema=schema)
    parquet.write_table(table, folder / 'manifest.parquet')
    for path in state.iterdir():
        path.unlink()
    state.rmdir()
    (folder / 'plan.json').unlink()
    folder.rename(destination)
    return rows


def worst_sheet(out: str, rows: list[dict], count: int = 40, columns: int = 10) -> np.ndarray:
    """The aligned images that fit the template worst or were found with least confidence.

    Returns:
        uint8 RGB picture: rows of faces with residual (px of 112) and score below each.
    """
    have = [row for row in rows if row['output']]

    def badness(row: dict) -> float:
        residual = row['residual'] if np.isfinite(row['residual']) else 20.
        score = row['score'] if np.isfinite(row['score']) else .5
        return residual + 20 * (1 - score)

    worst = sorted(have, key=badness, reverse=True)[:count]
    lines = -(-max(len(worst), 1) // columns)
    sheet = np.full((lines * 134 + 8, columns * 120 + 8, 3), 255, np.uint8)
    for k, row in enumerate(worst):
        top, left = 8 + k // columns * 134, 8 + k % columns * 120
        face = cv2.resize(cv2.imread(str(Path(out, row['output']))), (112, 112))
        sheet[top:top + 112, left:left + 112] = face[..., ::-1]
        policy = row['policy'] if row['policy'] != 'detected' else ''
        text = f'{row["residual"]:.1f} px {row["score"]:.2f} {policy}'
        cv2.putText(sheet, text, (left, top + 124), cv2.FONT_HERSHEY_SIMPLEX, .36, (60, 60, 60), 1,
                    cv2.LINE_AA)
    return sheet


def write_worst_sheet(out: str, rows: list[dict]) -> Path:
    """Write :func:`worst_sheet` to ``out/worst.png``; returns the path."""
    path = Path(out, 'worst.png')
    with whole_file(path) as part:
        part.write_bytes(cv2.imencode('.png', worst_sheet(out, rows)[..., ::-1])[1].tobytes())
    return path


def report_lines(rows: list[dict]) -> list[str]:
    """What became of the photographs, for a terminal: policies, and spreads of the measurements.

    Args:
        rows: Of :func:`align_folder`.
    """
    lines = [f'{len(rows)} photographs:']
    for policy, count in Counter(row['policy'] for row in rows).most_common():
        lines.append(f'  {policy:<12} {count:>8}  {100 * count / len(rows):5.1f} %')
    for key, what in (('residual', 'distance from the template, px of 112'),
                      ('native', 'native side of the crop, px'),
                      ('flip_error', 'landmarks against the mirrored photograph, eye distances')):
        values = np.array([row[key] for row in rows], float)
        values = values[np.isfinite(values)]
        if len(values):
            lines.append(f'  {what}: mean {values.mean():.3f}, median {np.median(values):.3f}, '
                         f'95 % below {np.percentile(values, 95):.3f}')
    return lines
