"""Whole directories of photographs: aligned images and a manifest."""
from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.datasets.alignment.aligner import Aligned, FaceAligner
from lrfr_mm.datasets.alignment.landmark_files import read_landmarks
from lrfr_mm.datasets.alignment.manifest import read_manifest, write_manifest
from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.formats.parquet import import_pyarrow
from lrfr_mm.datasets.image_files import find_images, read_image_file
from lrfr_mm.datasets.jobs import ChunkWork, building, run_chunks
from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.files import whole_file, write_text
from lrfr_mm.ops.align import flip_landmarks
from lrfr_mm.registry import import_modules

__all__ = ['AlignSettings', 'align_folder', 'find_images', 'flip_error']

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

    def as_json(self) -> dict:
        """The settings as JSON values; a detector that is not a config by its class."""
        detector = self.detector
        if detector is not None and not isinstance(detector, dict):
            detector = dict(type=type(detector).__name__)
        return dict(vars(self), detector=detector, custom_imports=list(self.custom_imports),
                    landmarks=None if self.landmarks is None else list(map(_plain, self.landmarks)))


def _plain(value):
    return str(value) if isinstance(value, os.PathLike) else value


def flip_error(aligner: FaceAligner, image: np.ndarray, aligned: Aligned) -> float:
    """How far the landmarks move when the photograph is mirrored.

    Args:
        aligner: What aligned it.
        image: The photograph, uint8 RGB (H, W, 3).
        aligned: The result.

    Returns:
        Mean distance of the five landmarks from those of the mirrored photograph, in distances of
        the eyes; NaN where either has no detected face.
    """
    if aligned.landmarks is None or aligned.policy == 'given':
        return float('nan')
    mirrored = aligner(np.ascontiguousarray(image[:, ::-1]))
    if mirrored.landmarks is None:
        return float('nan')
    back = flip_landmarks(mirrored.landmarks, image.shape[1])
    eyes = np.linalg.norm(aligned.landmarks[0] - aligned.landmarks[1])
    return float(np.linalg.norm(back - aligned.landmarks, axis=1).mean() / eyes)


class AlignWork(ChunkWork):
    """Aligns a span of photographs: their images, and a JSON file of their rows.

    Args:
        root, out: Directories of the photographs and of the aligned images.
        names: Paths of the photographs below ``root``.
        settings: How to align.
    """

    def __init__(self, root: str, out: str, names: list[str], settings: AlignSettings):
        self.root, self.out, self.names, self.settings = Path(root), Path(out), names, settings
        self.points = read_landmarks(*settings.landmarks) if settings.landmarks else None
        self.aligner: FaceAligner | None = None

    def start(self) -> None:
        import_modules(self.settings.custom_imports)
        self.aligner = FaceAligner(self.settings.detector, self.settings.missing,
                                   self.settings.size)

    def write(self, start: int, stop: int, path: Path) -> None:
        write_text(path, json.dumps([self.row(name) for name in self.names[start:stop]]))

    def row(self, name: str) -> dict:
        """Align one photograph; returns its row of the manifest.

        A photograph that cannot be read or aligned has a row that says why ('unreadable', 'failed')
        and ends nothing.
        """
        row = dict(source=name, output=None, policy='unreadable', note='')
        try:
            image = self._read(name)
        except (InputError, InputMissingError) as error:
            return dict(row, note=str(error))
        try:
            aligned = self.aligner(image, self._given(name))
            turned = flip_error(self.aligner, image, aligned) if self.settings.flip_check else None
        except (ValueError, MemoryError, cv2.error) as error:
            return dict(row, policy='failed', note=str(error).strip().partition('\n')[0])
        row.update(policy=aligned.policy, faces=aligned.faces, score=aligned.score,
                   residual=aligned.residual, native=aligned.native, flip_error=turned,
                   landmarks=_flat(aligned.landmarks),
                   landmarks_aligned=_flat(aligned.landmarks_aligned))
        if aligned.box is not None:
            row.update(zip(('x0', 'y0', 'x1', 'y1'), aligned.box.tolist(), strict=True))
        if aligned.image is not None:
            row.update(output=self._write_image(name, aligned.image), **_quality(aligned.image))
        return row

    def _read(self, name: str) -> np.ndarray:
        path = self.root / name
        with reading(str(path)):
            return decode(read_image_file(path), 'cv2')

    def _write_image(self, name: str, image: np.ndarray) -> str:
        output = str(Path(name).with_suffix(self.settings.suffix))
        data = cv2.imencode(self.settings.suffix, image[..., ::-1])[1]  # JPEG: OpenCV's 95
        with whole_file(self.out / output) as part:
            part.write_bytes(data.tobytes())
        return output

    def _given(self, name: str) -> np.ndarray | None:
        if self.points is None:
            return None
        stem = os.path.splitext(name)[0]
        for key in (stem.replace(os.sep, '/'), os.path.basename(stem)):
            if key in self.points:
                return self.points[key]
        if self.aligner.detector is None:
            raise ValueError('the landmark file has no line for it')
        return None


def _flat(points: np.ndarray | None) -> list[float] | None:
    return None if points is None else points.ravel().tolist()


def _quality(image: np.ndarray) -> dict[str, float]:
    """Mean grey level, and the variance of the Laplacian as a measure of sharpness."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return dict(brightness=float(grey.mean()),
                sharpness=float(cv2.Laplacian(grey, cv2.CV_64F).var()))


def align_folder(root: str, out: str, settings: AlignSettings, workers: int = 1,
                 progress: bool = True, cluster: str = 'local') -> list[dict]:
    """Align every image below ``root`` into ``out``, keeping the names of directories and files.

    Everything is made in ``out.part`` and moved when it is complete; a second start goes on where
    the first was cut.

    Args:
        root: Directory of photographs.
        out: Must not exist, or be empty.
        settings: How to align.
        workers, cluster: See ``run_chunks``.
        progress: Show a bar.

    Returns:
        The rows of ``out/manifest.parquet``; see ``write_manifest``.

    Raises:
        InputMissingError: If ``root`` does not exist.
        InputError: If it holds no image, or two images would get one name.
        InputExistsError: If ``out`` exists, or ``out.part`` is the beginning of another run.
    """
    import_pyarrow()
    names = find_images(root)
    _check_outputs(names, settings.suffix)
    folder = Path(out).with_name(Path(out).name + '.part')
    work = AlignWork(root, folder, names, settings)
    work.start()  # what cannot be built fails before anything is made
    work.aligner = None
    plan = dict(root=str(root), settings=settings.as_json(),
                names=hashlib.blake2b('\0'.join(names).encode(), digest_size=16).hexdigest())
    with building(out, plan) as directory:
        if directory is not None:
            chunks = run_chunks(work, len(names), directory / '.rows', _CHUNK, suffix='.json',
                                workers=workers, cluster=cluster, progress=progress)
            rows = [row for path in chunks for row in json.loads(path.read_text())]
            write_manifest(directory, rows, settings.as_json())
            shutil.rmtree(directory / '.rows')
    return read_manifest(out)


def _check_outputs(names: list[str], suffix: str) -> None:
    outputs = {}
    for name in names:
        output = str(Path(name).with_suffix(suffix))
        if output in outputs:
            raise InputError(f'{name} and {outputs[output]} would both become {output}')
        outputs[output] = name
