"""Size and orientation of an encoded image, read from its header before anything is decoded.

JPEG (ITU T.81 annex B), PNG (with its eXIf chunk), BMP, WebP (RIFF container) and TIFF 6.0. The
orientation is EXIF's tag 274: 1 to 8, where 1 is upright. Where EXIF has none, XMP's
``tiff:Orientation`` counts.
"""
from __future__ import annotations

import re
import struct
from typing import NamedTuple

__all__ = ['ImageHeader', 'read_header']

_ORIENTATION = 274
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_SEGMENT = struct.Struct('>HH')
_FRAME = struct.Struct('>HHB')
# Most of what a photograph's header is made of: JFIF's segment, quantisation and Huffman tables.
_PASSED = frozenset((0xFFE0, 0xFFDB, 0xFFC4))
_FRAMES = frozenset(0xFF00 + k for k in range(0xC0, 0xD0)) - {0xFFC4, 0xFFC8, 0xFFCC}
_PNG = b'\x89PNG\r\n\x1a\n'


class ImageHeader(NamedTuple):
    """What an encoded image says of itself.

    Attributes:
        form: 'jpg', 'png', 'bmp', 'webp' or 'tif'.
        width, height: Of the stored pixels, before the orientation is applied.
        orientation: 1 to 8; always 1 for a TIFF, which its decoder turns.
        components: Of a JPEG: 1 grey, 3 colour, 4 CMYK.
    """

    form: str
    width: int
    height: int
    orientation: int = 1
    components: int = 3


def read_header(data: bytes) -> ImageHeader | None:
    """Header of an encoded image; None if the bytes begin as none of the five forms.

    Raises:
        ValueError: If they begin as one of the forms, but the header is cut or damaged.
    """
    if data[:2] == b'\xff\xd8':
        form, read = 'jpg', _jpeg
    elif data[:8] == _PNG:
        form, read = 'png', _png
    elif data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        form, read = 'webp', _webp
    elif data[:4] in (b'II*\0', b'MM\0*'):
        form, read = 'tif', _tiff
    elif data[:2] == b'BM':
        form, read = 'bmp', _bmp
    else:
        return None
    try:
        return ImageHeader(form, *read(data))
    except (struct.error, IndexError) as error:
        raise ValueError(f'the header of the image ({form}) is cut or damaged') from error


def _jpeg(data: bytes) -> tuple[int, int, int, int]:
    at, size, orientation, described = 2, None, 0, False
    while True:
        marker, length = _SEGMENT.unpack_from(data, at)
        if marker in _PASSED:
            at += 2 + length
            continue
        if marker in _FRAMES:
            height, width, components = _FRAME.unpack_from(data, at + 5)
            size = width, height
        elif marker == 0xFFE1:  # EXIF, XMP and others
            described = True
            if data[at + 4:at + 10] == b'Exif\0\0':
                orientation = orientation or _exif_orientation(data[at + 10:at + 2 + length])
        elif marker == 0xFFDA and size is not None:  # the pixels follow
            if described and not orientation:
                orientation = _xmp_orientation(data[:at])
            return (*size, orientation or 1, components)
        elif marker == 0xFFFF:  # a fill byte
            at += 1
            continue
        elif 0xFFD0 <= marker <= 0xFFD8 or marker == 0xFF01:  # markers without a length
            at += 2
            continue
        elif marker < 0xFFC0 or marker in (0xFFD9, 0xFFDA):
            raise struct.error
        at += 2 + length


def _png(data: bytes) -> tuple[int, int, int]:
    width, height = struct.unpack_from('>II', data, 16)
    orientation = 0
    if data.find(b'eXIf') >= 0:
        at = 8
        while at + 8 <= len(data):
            length = int.from_bytes(data[at:at + 4], 'big')
            if data[at + 4:at + 8] == b'eXIf':
                orientation = _exif_orientation(data[at + 8:at + 8 + length])
                break
            at += 12 + length
    return width, height, orientation or _xmp_orientation(data)


def _webp(data: bytes) -> tuple[int, int, int]:
    size, orientation, at = None, 0, 12
    while at + 8 <= len(data):
        kind, length = data[at:at + 4], int.from_bytes(data[at + 4:at + 8], 'little')
        body = at + 8
        if kind == b'VP8X':
            size = (int.from_bytes(data[body + 4:body + 7], 'little') + 1,
                    int.from_bytes(data[body + 7:body + 10], 'little') + 1)
        elif kind == b'VP8L' and size is None:
            bits = struct.unpack_from('<I', data, body + 1)[0]
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b'VP8 ' and size is None:
            width, height = struct.unpack_from('<HH', data, body + 6)
            size = width & 0x3FFF, height & 0x3FFF
        elif kind == b'EXIF':
            start = body + 6 if data[body:body + 6] == b'Exif\0\0' else body
            orientation = _exif_orientation(data[start:body + length])
        at = body + length + length % 2
    if size is None:
        raise struct.error
    return (*size, orientation or _xmp_orientation(data))


def _tiff(data: bytes) -> tuple[int, int]:
    tags = _first_directory(data)
    try:
        return tags[256], tags[257]  # Pillow turns a TIFF upright itself while it decodes
    except KeyError:
        raise struct.error from None


def _bmp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from('<I', data, 14)[0] == 12:  # the OS/2 header
        return struct.unpack_from('<HH', data, 18)
    width, height = struct.unpack_from('<ii', data, 18)
    return abs(width), abs(height)  # a negative height is stored from the top


def _first_directory(data: bytes) -> dict[int, int]:
    """Short and long tags with one value of a TIFF's (or EXIF's) first directory."""
    order = '<' if data[:2] == b'II' else '>'
    at = struct.unpack_from(order + 'I', data, 4)[0]
    tags = {}
    for k in range(struct.unpack_from(order + 'H', data, at)[0]):
        tag, kind, count = struct.unpack_from(order + 'HHI', data, at + 2 + 12 * k)
        if count == 1 and kind in (3, 4):
            tags[tag] = struct.unpack_from(order + ('H' if kind == 3 else 'I'), data,
                                           at + 10 + 12 * k)[0]
    if data[:4] in (b'II*\0', b'MM\0*'):
        return tags
    raise struct.error


def _valid(orientation: int) -> int:
    return orientation if 1 <= orientation <= 8 else 0


def _exif_orientation(exif: bytes) -> int:
    """0 where there is none, or the EXIF block is damaged (which is no reason to refuse pixels)."""
    try:
        return _valid(_first_directory(exif).get(_ORIENTATION, 0))
    except struct.error:
        return 0


def _xmp_orientation(data: bytes) -> int:
    if data.find(b'tiff:Orientation') < 0:
        return 1
    found = _XMP.search(data)
    return int(found[1]) if found else 1
