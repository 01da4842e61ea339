"""insightface's .bin benchmarks: a pickle of encoded images and of booleans."""
from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from lrfr_mm.datasets.benchmarks.base import PairBenchmark, require_files
from lrfr_mm.datasets.benchmarks.miniature import People, draw_pairs, jpeg_bytes, miniature
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, reading
from lrfr_mm.registry import DATASETS

__all__ = ['BytesFaces', 'PairBin', 'read_bin']

# All that a pickle of bytes, lists, bools and arrays of numbers may name.
_ALLOWED = {(module, name) for module, names in {
    'numpy': ('ndarray', 'dtype'),
    'numpy.core.multiarray': ('_reconstruct', 'scalar'),
    'numpy._core.multiarray': ('_reconstruct', 'scalar'),
    '_codecs': ('encode',),
}.items() for name in names}


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}, which a benchmark '
                                         'does not need: a pickle can run code, this one is '
                                         'refused')
        return super().find_class(module, name)


def read_bin(path: str) -> tuple[list[bytes], np.ndarray]:
    """Read a .bin file without running anything in it.

    Published sets may hold a picture twice: a pair of equal bytes is warned of, not refused.

    Returns:
        2 P encoded images, two a pair, and whether each pair shows one person, bool (P,).

    Raises:
        InputMissingError: If it does not exist.
        InputError: If it is not such a pickle, or names anything but plain data.
    """
    require_files(path)
    with reading(f'{path} is not a .bin benchmark'), open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        images, is_same = _DataUnpickler(file, encoding='bytes').load()
        images = [_image_bytes(image, k, size) for k, image in enumerate(images)]
        is_same = np.array([_label(item, k) for k, item in enumerate(is_same)], bool)
    if len(images) != 2 * len(is_same):
        raise InputError(f'{path} has {len(images)} images for {len(is_same)} pairs')
    equal = [k for k in range(len(is_same)) if images[2 * k] == images[2 * k + 1]]
    if equal:
        print_log(f'{path}: {len(equal)} of {len(is_same)} pairs compare an image with itself, the '
                  f'first is pair {equal[0]}; the numbers include them', logger='current',
                  level=logging.WARNING)
    return images, is_same


def _image_bytes(image, index: int, size: int) -> bytes:
    """The bytes of one stored image; ``size`` is that of the whole file."""
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.nbytes <= size:
        return image.tobytes()  # (a pickle can describe an array that is larger than itself)
    if isinstance(image, (bytes, bytearray)):
        return bytes(image)
    raise ValueError(f'image {index} is not stored as bytes')


def _label(item, index: int) -> bool:
    if not isinstance(item, (bool, int, np.bool_, np.integer)) or item not in (0, 1):
        raise ValueError(f'the label of pair {index} is neither true nor false')
    return bool(item)


class BytesFaces(FaceSource):
    """Encoded images in memory, equal ones once; every label is 0, the protocol says who is who.

    Args:
        images: The encoded images.
        origin: Where they come from, for messages.
    """

    num_classes = 1

    def __init__(self, images: list[bytes], origin: str):
        self.origin = origin
        stored: dict[bytes, int] = {}
        for image in images:
            stored.setdefault(image, len(stored))
        self._which = np.array([stored[image] for image in images], np.int64)
        self._ends = np.cumsum([len(image) for image in stored])
        self._data = np.frombuffer(b''.join(stored), np.uint8)

    def __len__(self) -> int:
        return len(self._which)

    def read(self, index: int) -> tuple[bytes, int]:
        place = int(self._which[index])
        start = int(self._ends[place - 1]) if place else 0
        return self._data[start:int(self._ends[place])].tobytes(), 0

    def labels(self) -> np.ndarray:
        return np.zeros(len(self), np.int64)

    def __repr__(self) -> str:
        return f'{self.origin!r} ({len(self)} images)'


@DATASETS.register_module()
class PairBin(PairBenchmark):
    """A benchmark in insightface's ``.bin`` form (lfw.bin, agedb_30.bin, cfp_fp.bin, ...).

    Args:
        name: Short name.
        path: The file.
        alignment: insightface aligned what its .bin files hold.
        **kwargs: pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, path: str, alignment: str = 'insightface', **kwargs):
        images, is_same = read_bin(path)
        pairs = np.arange(len(images)).reshape(-1, 2)
        super().__init__(name, BytesFaces(images, path), pairs, is_same, alignment=alignment,
                         protocol_note=f'{len(pairs)} pairs of {os.path.basename(path)}', **kwargs)


@miniature('bin')
def _write_bins(root: Path, people: People) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, seed in (('agedb_30', 3), ('lfw', 4), ('cfp_fp', 5)):
        pairs, is_same = draw_pairs(people, 100, seed)
        images = [jpeg_bytes(people.face(*item)) for pair in pairs for item in pair]
        with open(root / f'{name}.bin', 'wb') as file:
            pickle.dump((images, is_same.tolist()), file, protocol=4)
