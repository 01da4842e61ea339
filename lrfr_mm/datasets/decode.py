"""Encoded image bytes to RGB arrays."""
from __future__ import annotations

import io
from importlib.util import find_spec

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

__all__ = ['DECODERS', 'decode', 'resolve_decoder']

DECODERS = ('simplejpeg', 'cv2', 'pillow')


def resolve_decoder(decoder: str) -> str:
    """Name of the decoder to use: 'auto' is simplejpeg where it is installed, else cv2.

    Raises:
        ValueError: For an unknown name.
        ImportError: If simplejpeg is asked for and not installed.
    """
    if decoder == 'auto':
        return 'simplejpeg' if find_spec('simplejpeg') else 'cv2'
    if decoder not in DECODERS:
        raise ValueError(f"decoder must be 'auto', {', '.join(map(repr, DECODERS))}, "
                         f'got {decoder!r}')
    if decoder == 'simplejpeg' and not find_spec('simplejpeg'):
        raise ImportError("decoder='simplejpeg' needs `pip install simplejpeg`")
    return decoder


def decode(data: bytes, decoder: str = 'cv2') -> np.ndarray:
    """Decode one image.

    Grey, palette, CMYK and 16-bit images become 8-bit RGB; an EXIF rotation is applied.
    simplejpeg takes plain JPEGs; everything it does not know goes to Pillow.

    Args:
        data: The encoded image.
        decoder: 'simplejpeg', 'cv2' or 'pillow'.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        ValueError: If the bytes are not a whole image.
    """
    if len(data) == 0:
        raise ValueError('the image is empty (0 bytes)')
    if decoder == 'simplejpeg' and data[:2] == b'\xff\xd8' and b'Exif' not in data[:64]:
        import simplejpeg
        try:
            if simplejpeg.decode_jpeg_header(data)[2] != 'CMYK':
                return simplejpeg.decode_jpeg(data, colorspace='RGB')
        except ValueError as error:
            raise ValueError(f'not a whole JPEG: {error}') from None
    if decoder == 'cv2':
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f'not an image that OpenCV reads ({len(data)} bytes)')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _decode_pillow(data)


def _decode_pillow(data: bytes) -> np.ndarray:
    from PIL import ImageOps
    try:
        with Image.open(io.BytesIO(data)) as image:
            image = ImageOps.exif_transpose(image)
            if image.mode in ('I', 'I;16', 'I;16B'):
                high = np.asarray(image, dtype=np.int64) >> 8
                image = Image.fromarray(np.clip(high, 0, 255).astype(np.uint8))
            return np.array(image.convert('RGB'))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f'not a whole image: {error}') from None
