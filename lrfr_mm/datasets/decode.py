"""Encoded image bytes to RGB arrays."""
from __future__ import annotations

import io
from importlib.util import find_spec

import cv2
import numpy as np
from PIL import (  # noqa: F401  (each registers its form)
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lrfr_mm.datasets.image_header import ImageHeader, read_header
from lrfr_mm.errors import ConfigError, InputError, MissingDependencyError

__all__ = ['DECODERS', 'MAX_PIXELS', 'decode', 'image_suffix', 'resolve_decoder']

DECODERS = ('simplejpeg', 'cv2', 'pillow')
# Larger images are refused before they are decoded: 200 MB as RGB. Cameras of 60 megapixels fit.
MAX_PIXELS = 1 << 26
_OPENCV_FORMS = ('jpg', 'png', 'bmp', 'webp')
# Not all of Pillow's: some of its plugins start other programs, or are seldom used and tested.
_PILLOW_FORMS = ('JPEG', 'PNG', 'BMP', 'WEBP', 'TIFF', 'GIF', 'PPM', 'JPEG2000')
_END = {'jpg': b'\xff\xd9', 'png': b'IEND'}
_TRANSPOSED = {  # EXIF orientation -> what makes the stored pixels upright
    2: lambda image: image[:, ::-1], 3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1], 5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image[::-1].swapaxes(0, 1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: image[:, ::-1].swapaxes(0, 1)}


def resolve_decoder(decoder: str) -> str:
    """Name of the decoder to use: 'auto' is simplejpeg where it is installed, else cv2.

    Raises:
        ConfigError: For an unknown name.
        MissingDependencyError: If simplejpeg is asked for and not installed.
    """
    if decoder == 'auto':
        return 'simplejpeg' if find_spec('simplejpeg') else 'cv2'
    if decoder not in DECODERS:
        raise ConfigError(f"decoder must be 'auto', {', '.join(map(repr, DECODERS))}, "
                          f'got {decoder!r}')
    if decoder == 'simplejpeg' and not find_spec('simplejpeg'):
        raise MissingDependencyError("decoder='simplejpeg' needs `pip install simplejpeg`")
    return decoder


def image_suffix(data: bytes, where: str) -> str:
    """Ending that suits an encoded image: 'jpg', 'png', 'webp', 'bmp' or 'tif'.

    Args:
        data: The encoded image.
        where: Names it in an error: file, or source and index.

    Raises:
        InputError: If the bytes are no such image, or pixels.
    """
    if isinstance(data, np.ndarray):
        raise InputError(f'{where}: pixels, not an encoded image')
    try:
        header = read_header(data)
    except ValueError as error:
        raise InputError(f'{where}: {error}') from None
    if header is None:
        raise InputError(f'{where} is not an image: {len(data)} bytes, the first are {data[:8]!r}')
    return header.form


def decode(data: bytes, decoder: str = 'cv2') -> np.ndarray:
    """Decode one image, upright.

    Grey, palette, CMYK and 16-bit images become 8-bit RGB. The orientation that a JPEG, PNG, WebP
    or TIFF states (EXIF, else XMP) is applied, by every decoder in the same way. simplejpeg takes
    plain JPEGs, OpenCV JPEG, PNG, BMP and WebP; the rest goes to Pillow.

    Args:
        data: The encoded image.
        decoder: 'simplejpeg', 'cv2' or 'pillow'.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        InputError: If the bytes are not a whole image, or more than MAX_PIXELS pixels. The caller
            knows the file and adds its name.
    """
    if len(data) == 0:
        raise InputError('the image is empty (0 bytes)')
    try:
        header = read_header(data)
        if header is not None and not 0 < header.width * header.height <= MAX_PIXELS:
            _check_size(header.width, header.height)
            raise ValueError(f'{header.width}x{header.height} px')
        image = _decode(data, header, decoder)
    except InputError:
        raise
    except Exception as error:  # libraries raise many kinds for foreign bytes
        text = str(error).strip().partition('\n')[0] or type(error).__name__
        raise InputError(f'not a whole image: {text}') from error
    if header is not None and header.orientation != 1:
        image = np.ascontiguousarray(_TRANSPOSED[header.orientation](image))
    return image


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(f'{width}x{height} px are more than the limit of {MAX_PIXELS:,} pixels')


def _decode(data: bytes, header: ImageHeader | None, decoder: str) -> np.ndarray:
    form = header.form if header is not None else None
    # Some decoders fill what is missing with grey.
    if form in _END and data.rfind(_END[form]) < 0:
        raise ValueError(f'the image ({form}) has no end marker, it was cut')
    if decoder == 'simplejpeg' and form == 'jpg' and header.components != 4:
        import simplejpeg
        return simplejpeg.decode_jpeg(data, colorspace='RGB')
    if decoder == 'cv2' and form in _OPENCV_FORMS:
        image = cv2.imdecode(np.frombuffer(data, np.uint8),
                             cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise ValueError(f'OpenCV cannot decode it ({len(data)} bytes)')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _decode_pillow(data)


def _decode_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=_PILLOW_FORMS) as image:
        _check_size(image.width, image.height)
        image.load()
        if image.mode in ('I', 'I;16', 'I;16B'):
            high = np.asarray(image, dtype=np.int64) >> 8
            return np.repeat(np.clip(high, 0, 255).astype(np.uint8)[..., None], 3, 2)
        return np.array(image.convert('RGB'))
