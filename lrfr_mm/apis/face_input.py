"""What a caller has of a face, as pixels."""
from __future__ import annotations

import os

import numpy as np
from PIL import Image

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.image_files import read_image_file
from lrfr_mm.errors import InputError

__all__ = ['read_face']


def read_face(face, where: str = 'face') -> np.ndarray:
    """Pixels of an image in any of the usual forms.

    Args:
        face: uint8 RGB array (H, W, 3), PIL image, bytes of an encoded image, path, or a file that
            is open for reading bytes.
        where: Names the image in an error, where it has no file name.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        InputMissingError: If there is no such file.
        InputError: If it is not an image; the text names the file or ``where``.
    """
    if isinstance(face, Image.Image):
        return np.array(face.convert('RGB'))
    if isinstance(face, np.ndarray):
        return face
    if isinstance(face, (str, os.PathLike)):
        where = os.fspath(face)
        face = read_image_file(face)
    elif hasattr(face, 'read'):
        where = str(getattr(face, 'name', where))
        face = face.read()
    if not isinstance(face, (bytes, bytearray, memoryview)):
        raise InputError(f'{where}: an array, a PIL image, bytes, a path or an open file is '
                         f'needed, got {type(face).__name__}')
    try:
        return decode(bytes(face), 'cv2')
    except ValueError as error:
        raise InputError(f'{where}: {error}') from None
