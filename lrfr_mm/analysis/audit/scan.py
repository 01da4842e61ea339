"""One pass over every image of a source, in chunks, on several processes."""
from __future__ import annotations

import hashlib
import multiprocessing
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from tqdm import tqdm

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource

__all__ = ['ScanResult', 'detail_px', 'near_duplicates', 'scan']

_CHUNK = 500
_TOLERANCE = 2.  # grey levels
_ROW = np.dtype([('label', 'i8'), ('width', 'i4'), ('height', 'i4'), ('bytes', 'i4'),
                 ('content', 'u8'), ('look', 'u8'), ('detail', 'i2'), ('brightness', 'f4'),
                 ('readable', '?')])


@dataclass
class ScanResult:
    """What a pass over N images found: about 50 bytes an image.

    Attributes:
        rows: Structured array (N,): label, width, height (px), bytes, content (hash of the
            bytes), look (perceptual hash), detail (px, see ``detail_px``), brightness (0 to 255),
            readable.
        errors: Position and reason of unreadable images.
    """

    rows: np.ndarray
    errors: list[tuple[int, str]]


def detail_px(image: np.ndarray) -> int:
    """Side in px to which ``image`` could be shrunk without a loss above 2 grey levels RMS.

    The smallest r such that the cosine coefficients outside the lowest r x r hold no more than
    that. On faces enlarged from 7, 14, 20, 28, 40 and 56 px it gives about 10, 17, 22, 28, 36 and
    43; on sharp 112 px faces 100, on soft ones 60: an estimate of what the picture shows, not of
    what camera took it.

    Args:
        image: uint8 RGB (H, W, 3) or grey (H, W).

    Returns:
        From 1 to the shorter side.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    side = min(grey.shape) // 2 * 2  # OpenCV's transform wants even sides
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    grey = np.ascontiguousarray(grey[top:top + side, left:left + side], np.float32)
    energy = np.square(cv2.dct(grey), dtype=np.float64)
    inside = np.diag(energy.cumsum(0).cumsum(1))
    lost = np.sqrt(np.maximum(inside[-1] - inside, 0) / grey.size)
    return int(np.argmax(lost <= _TOLERANCE)) + 1


def _perceptual_hash(image: np.ndarray) -> int:
    try:
        import imagehash
    except ImportError:
        raise ImportError('the audit needs `pip install imagehash`') from None
    from PIL import Image
    bits = imagehash.phash(Image.fromarray(image)).hash.ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), 'big')


def _scan_chunk(source: FaceSource, start: int, stop: int):
    rows, errors = np.zeros(stop - start, _ROW), []
    for i in range(start, stop):
        row = rows[i - start]
        try:
            data, row['label'] = source.read(i)
        except (ValueError, OSError) as error:
            row['label'] = -1
            errors.append((i, str(error)))
            continue
        row['bytes'] = len(data)
        row['content'] = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), 'big')
        try:
            image = data if isinstance(data, np.ndarray) else decode(data, 'pillow')
        except ValueError as error:
            errors.append((i, str(error)))
            continue
        row['height'], row['width'] = image.shape[:2]
        row['look'] = _perceptual_hash(image)
        row['detail'] = detail_px(image)
        row['brightness'] = image.mean()
        row['readable'] = True
    return rows, errors


_source: FaceSource | None = None


def _start(source: FaceSource) -> None:
    global _source
    cv2.setNumThreads(1)
    _source = source


def _work(span: tuple[int, int]):
    return _scan_chunk(_source, *span)


def scan(source: FaceSource, workers: int = 1, progress: bool = True) -> ScanResult:
    """Read, decode and measure every image of ``source`` once."""
    spans = [(start, min(start + _CHUNK, len(source)))
             for start in range(0, len(source), _CHUNK)]
    rows, errors = np.zeros(len(source), _ROW), []
    with tqdm(total=len(source), unit='img', disable=not progress) as bar:
        def put(span, result):
            rows[span[0]:span[1]] = result[0]
            errors.extend(result[1])
            bar.update(span[1] - span[0])

        if workers <= 1 or len(spans) == 1:
            for span in spans:
                put(span, _scan_chunk(source, *span))
        else:
            with multiprocessing.get_context('spawn').Pool(workers, _start, (source,)) as pool:
                for span, result in zip(spans, pool.imap(_work, spans), strict=True):
                    put(span, result)
    return ScanResult(rows, errors)


_BITS = np.array([bin(k).count('1') for k in range(256)], np.uint8)


def _count_bits(words: np.ndarray) -> np.ndarray:
    return _BITS[words.view(np.uint8)].reshape(-1, 8).sum(1)


def near_duplicates(hashes: np.ndarray, distance: int = 4, most: int = 100000) -> np.ndarray:
    """Pairs of 64-bit hashes that differ in at most ``distance`` bits.

    Two such hashes are equal in at least one of distance + 1 bands of bits, so only hashes that
    share a band are compared. Memory: a few times that of the hashes, and ``most`` pairs.

    Args:
        hashes: uint64 (N,).
        distance: Bits, 0 to 15.
        most: Stop after so many pairs.

    Returns:
        int64 (P, 2), first below second, without repeats; P is at most about ``most``.
    """
    hashes = np.asarray(hashes, np.uint64)
    edges = np.linspace(0, 64, distance + 2).astype(int)
    found, total = [], 0
    for low, high in pairwise(edges):
        mask = np.uint64((1 << int(high)) - (1 << int(low)))
        band = hashes & mask
        order = np.argsort(band, kind='stable')
        ordered = band[order]
        # Compare each hash with the one k places behind it, while any has the same band there.
        alive = np.arange(len(order))
        for k in range(1, len(order)):
            alive = alive[alive + k < len(order)]
            alive = alive[ordered[alive] == ordered[alive + k]]
            if len(alive) == 0 or total > most:
                break
            first, second = order[alive], order[alive + k]
            close = _count_bits(hashes[first] ^ hashes[second]) <= distance
            pairs = np.sort(np.stack([first[close], second[close]], 1), axis=1)
            found.append(pairs)
            total += len(pairs)
    if not found:
        return np.empty((0, 2), np.int64)
    return np.unique(np.concatenate(found), axis=0)
