"""insightface's .bin benchmarks: a pickle of encoded images and of booleans."""
from __future__ import annotations

import os
import pickle

import numpy as np

from lrfr_mm.datasets.benchmarks.base import PairBenchmark, need
from lrfr_mm.datasets.sources.base import FaceSource
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

    Returns:
        2 P encoded images, two a pair, and whether each pair shows one person, bool (P,).

    Raises:
        ValueError: If the file is not such a pickle, or names anything but plain data.
    """
    try:
        with open(path, 'rb') as file:
            images, is_same = _DataUnpickler(file, encoding='bytes').load()
        images = [image.tobytes() if isinstance(image, np.ndarray) else bytes(image)
                  for image in images]
        is_same = np.array([bool(s) for s in is_same], bool)
    except FileNotFoundError:
        raise
    except Exception as error:  # a foreign file can fail anywhere in the pickle machine
        raise ValueError(f'{path} is not a .bin benchmark: {error}') from None
    if len(images) != 2 * len(is_same):
        raise ValueError(f'{path} has {len(images)} images for {len(is_same)} pairs')
    return images, is_same


class BytesFaces(FaceSource):
    """Encoded images in memory; every label is 0, since pairs carry the truth."""

    num_classes = 1

    def __init__(self, images: list[bytes], origin: str):
        self.origin = origin
        self._ends = np.cumsum([len(image) for image in images])
        self._data = np.frombuffer(b''.join(images), np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def read(self, index: int) -> tuple[bytes, int]:
        start = int(self._ends[index - 1]) if index else 0
        return self._data[start:int(self._ends[index])].tobytes(), 0

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
        need(name, path)
        images, is_same = read_bin(path)
        pairs = np.arange(len(images)).reshape(-1, 2)
        super().__init__(name, BytesFaces(images, path), pairs, is_same, alignment=alignment,
                         protocol_note=f'{len(pairs)} pairs of {os.path.basename(path)}', **kwargs)
