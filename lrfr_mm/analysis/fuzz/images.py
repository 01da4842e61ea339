"""Image forms under each decoder, and the images of a folder of people."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from lrfr_mm.analysis.fuzz.cases import fuzz_case
from lrfr_mm.datasets.decode import decode, resolve_decoder
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.datasets.formats import FolderFaces
from lrfr_mm.errors import InputError

__all__ = []


def _picture(value: int, form: str) -> bytes:
    y, x = np.indices((20, 24))
    pixels = np.stack([7 * x + value, 9 * y, 4 * (x + y)], -1).astype(np.uint8)
    return cv2.imencode(f'.{form}', pixels)[1].tobytes()


@fuzz_case('folder: an image', lambda p: FaceDataset(FolderFaces(p.parents[1]),
                                                     image_size=None)[0])
def _write_folder(directory: Path) -> Path:
    path = directory / 'Ann' / 'face.jpg'
    path.parent.mkdir()
    path.write_bytes(_picture(5, 'jpg'))
    return path


def _decoded_by(decoder: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        try:
            decode(path.read_bytes(), resolve_decoder(decoder))
        except InputError as error:  # decode knows no file; its callers add the name
            raise InputError(f'{path}: {error}') from error
    return read


for _form in ('jpg', 'png', 'bmp', 'webp', 'tif'):
    for _decoder in ('auto', 'cv2', 'pillow'):
        @fuzz_case(f'{_form} by {_decoder}', _decoded_by(_decoder))
        def _write_image(directory: Path, form: str = _form) -> Path:
            path = directory / f'face.{form}'
            path.write_bytes(_picture(3, form))
            return path
