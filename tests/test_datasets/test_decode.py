"""Decoders against each other, orientations against numpy, and images that are refused."""
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from lrfr_mm.datasets.decode import DECODERS, MAX_PIXELS, decode, image_suffix
from lrfr_mm.datasets.image_files import IMAGE_SUFFIXES, is_image_name
from lrfr_mm.datasets.image_header import read_header
from lrfr_mm.errors import InputError

FORMS = {'jpg': 'JPEG', 'png': 'PNG', 'webp': 'WEBP', 'tif': 'TIFF', 'bmp': 'BMP'}
# What a viewer does with the stored pixels, written from the EXIF standard's figure.
UPRIGHT = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
           5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1),
           7: lambda a: np.rot90(a.transpose(1, 0, 2), 2), 8: lambda a: np.rot90(a)}


def picture(height=48, width=64):
    y, x = np.indices((height, width))
    return np.stack([4 * x, 5 * y, (x + y) * 2], -1).astype(np.uint8)


def encode(form, orientation=None, **options):
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
        options['exif'] = exif
    if form in ('jpg', 'webp'):
        options['quality'] = 98
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, FORMS[form], **options)
    return buffer.getvalue()


def gap(image, want):
    assert image.shape == want.shape and image.dtype == np.uint8
    return np.abs(image.astype(int) - want).mean()


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('form', ['jpg', 'png', 'webp', 'tif'])
@pytest.mark.parametrize('decoder', DECODERS)
def test_every_decoder_form_and_orientation(decoder, form, orientation):
    image = decode(encode(form, orientation), decoder)
    assert gap(image, UPRIGHT[orientation](picture())) < 4
    assert image.flags['C_CONTIGUOUS']


def segment(kind, body):
    return b'\xff' + bytes([kind]) + struct.pack('>H', len(body) + 2) + body


def exif_block(orientation, order='<'):
    mark = b'II*\0' if order == '<' else b'MM\0*'
    return mark + struct.pack(order + 'IH', 8, 1) + struct.pack(
        order + 'HHIHH', 274, 3, 1, orientation, 0) + bytes(4)


XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation%s/></x:xmpmeta>'


@pytest.mark.parametrize('decoder', DECODERS)
@pytest.mark.parametrize(('name', 'segments', 'turned'), [
    ('after a comment of 84 bytes', [segment(0xFE, b'c' * 84), 'exif'], True),
    ('after two long comments', [segment(0xFE, b'c' * 60000)] * 2 + ['exif'], True),
    ('big-endian', ['exif>'], True),
    ('the word Exif in a comment only', [segment(0xFE, b'Exif\0\0' + exif_block(6))], False),
    ('damaged', [segment(0xE1, b'Exif\0\0II*\0\xff\xff')], False),
    ('an orientation of 9', [segment(0xE1, b'Exif\0\0' + exif_block(9))], False),
    ('XMP alone', [segment(0xE1, XMP % b'="6"')], True),
    ('XMP, and EXIF that says upright', [segment(0xE1, XMP % b'="6"'), 'upright'], False),
    ('fill bytes', [b'\xff\xff\xff', 'exif'], True),
])
def test_where_a_jpeg_keeps_its_orientation(decoder, name, segments, turned):
    blocks = {'exif': exif_block(6), 'exif>': exif_block(6, '>'), 'upright': exif_block(1)}
    jpeg = encode('jpg')
    data = jpeg[:2] + b''.join(s if isinstance(s, bytes) else segment(0xE1, b'Exif\0\0' + blocks[s])
                               for s in segments) + jpeg[2:]
    data = data.replace(b'\xff' * 4, b'\xff' * 3, 1) if name == 'fill bytes' else data
    want = UPRIGHT[6 if turned else 1](picture())
    assert gap(decode(data, decoder), want) < 4


@pytest.mark.parametrize('decoder', DECODERS)
def test_png_with_its_orientation_after_the_pixels(decoder):
    data = encode('png')
    body = b'eXIf' + exif_block(8)
    chunk = struct.pack('>I', len(body) - 4) + body + struct.pack('>I', zlib.crc32(body))
    assert gap(decode(data[:-12] + chunk + data[-12:], decoder), UPRIGHT[8](picture())) == 0


def png_header(width, height):
    body = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + body
            + struct.pack('>I', zlib.crc32(body)))


def bombs():
    bmp = cv2.imencode('.bmp', picture())[1].tobytes()
    jpeg = bytearray(encode('jpg'))
    frame = jpeg.find(b'\xff\xc0')
    jpeg[frame + 5:frame + 9] = struct.pack('>HH', 65000, 65000)
    yield 'png', png_header(14000, 14000) + encode('png')[33:]
    yield 'bmp', bmp[:18] + struct.pack('<ii', 60000, 60000) + bmp[26:]
    yield 'bmp upside down', bmp[:18] + struct.pack('<ii', 60000, -60000) + bmp[26:]
    yield 'bmp lowest', bmp[:18] + struct.pack('<ii', -2**31, -2**31) + bmp[26:]
    yield 'jpg', bytes(jpeg)
    yield 'webp', (b'RIFF\0\0\1\0WEBPVP8X\n\0\0\0\0\0\0\0' + b'\xff\xff\0' * 2 + bytes(900))
    yield 'gif', b'GIF89a' + struct.pack('<HH', 60000, 60000) + bytes(20)
    yield 'ppm', b'P6 60000 60000 255\n' + bytes(100)
    tif = io.BytesIO()
    Image.fromarray(picture()).save(tif, 'TIFF')
    tif = bytearray(tif.getvalue())
    at = struct.unpack_from('<I', tif, 4)[0] + 2
    for k in range(2):  # the tags of width and height come first
        assert struct.unpack_from('<H', tif, at + 12 * k)[0] == 256 + k
        struct.pack_into('<HII', tif, at + 12 * k + 2, 4, 1, 60000)
    yield 'tif', bytes(tif)


@pytest.mark.parametrize('decoder', DECODERS)
@pytest.mark.parametrize(('name', 'data'), list(bombs()), ids=[name for name, _ in bombs()])
def test_decompression_bombs_are_refused_before_they_are_decoded(decoder, name, data):
    with pytest.raises(InputError, match=r'more than the limit|not a whole image'):
        decode(data, decoder)


def test_the_limit_lets_cameras_through():
    assert 9504 * 6336 <= MAX_PIXELS < 14000 * 14000


@pytest.mark.parametrize('decoder', DECODERS)
@pytest.mark.parametrize('form', FORMS)
def test_cut_images_are_refused(decoder, form):
    data = encode(form)
    for end in (0, 3, 10, 25, len(data) // 3, len(data) * 9 // 10):
        with pytest.raises(InputError, match='image'):
            decode(data[:end], decoder)


@pytest.mark.parametrize('form', FORMS)
def test_headers(form):
    header = read_header(encode(form))
    assert header[:4] == (form, 64, 48, 1) and image_suffix(encode(form), 'x') == form
    lossless = read_header(encode('webp', lossless=True))
    assert lossless[:4] == ('webp', 64, 48, 1)


@pytest.mark.parametrize('decoder', DECODERS)
def test_an_image_that_would_start_another_program_is_refused(decoder):
    """Pillow's EPS plugin calls Ghostscript."""
    with pytest.raises(InputError):
        decode(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n',
               decoder)


def test_one_list_of_endings():
    assert all(is_image_name(f'a{s}') and is_image_name(f'a{s.upper()}') for s in IMAGE_SUFFIXES)
    assert not any(is_image_name(name) for name in ('._a.jpg', '.a.png', 'a.txt', 'jpg',
                                                  'a.jpg.part'))
