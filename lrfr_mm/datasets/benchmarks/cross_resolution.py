"""Any benchmark with one side, or both, shrunk to a resolution."""
from __future__ import annotations

import numpy as np

from lrfr_mm.datasets.benchmarks.base import (
    Benchmark,
    GalleryBenchmark,
    PairBenchmark,
    TemplateBenchmark,
)
from lrfr_mm.errors import InputError
from lrfr_mm.ops.resample import degrade_array
from lrfr_mm.registry import DATASETS

__all__ = ['CrossResolution']


@DATASETS.register_module()
class CrossResolution(Benchmark):
    """Degrades a benchmark's images to r x r px and back, bicubic as Pillow's.

    It is a benchmark of the same kind, to be measured by the same metrics.

    Args:
        name: Short name, e.g. 'lfw_cross7'.
        benchmark: Config of the benchmark.
        resolution: r, px.
        sides: 'both' degrades every image; 'probe' the second image of each pair, or the probes
            but not the gallery. For templates, where an image has no side, only 'both'.

    Raises:
        InputError: For another ``sides``, or one that does not suit the benchmark.
    """

    def __init__(self, name: str, benchmark: dict, resolution: int, sides: str = 'probe'):
        inner = DATASETS.build(dict(benchmark, name=benchmark.get('name', name))
                               ) if isinstance(benchmark, dict) else benchmark
        if sides not in ('both', 'probe'):
            raise InputError(f"sides must be 'both' or 'probe', got {sides!r}")
        if resolution < 1:
            raise InputError(f'resolution must be at least 1 px, got {resolution}')
        if sides == 'probe' and isinstance(inner, TemplateBenchmark):
            raise InputError(f'{name}: the images of templates have no side, use sides=\'both\'')
        self.inner, self.resolution = inner, resolution
        count = len(inner)
        if sides == 'both':
            self._position, self._low = np.arange(count), np.ones(count, bool)
            first = second = self._position
        else:  # as they are, those that gallery or first image; degraded, those that are probes
            if isinstance(inner, PairBenchmark):
                plain, low = inner.pairs[:, 0], inner.pairs[:, 1]
            else:
                plain, low = inner.gallery, np.concatenate(list(inner.probes.values()))
            plain, low = np.unique(plain), np.unique(low)
            self._position = np.concatenate([plain, low])
            self._low = np.arange(len(self._position)) >= len(plain)
            first, second = np.full(count, -1), np.full(count, -1)
            first[plain], second[low] = np.arange(len(plain)), len(plain) + np.arange(len(low))
        super().__init__(name, _Chosen(inner.source, self._position), inner.alignment,
                         f'{inner.protocol_note}; {"probes" if sides == "probe" else "all"} at '
                         f'{resolution} px', decoder=inner.decoder)
        if isinstance(inner, PairBenchmark):
            self.pairs = np.stack([first[inner.pairs[:, 0]], second[inner.pairs[:, 1]]], 1)
            self.is_same = inner.is_same
        elif isinstance(inner, GalleryBenchmark):
            self.identities = inner.identities[self._position]
            self.gallery = first[inner.gallery]
            self.probes = {key: second[value] for key, value in inner.probes.items()}
        else:
            for key in ('template_ids', 'media_ids', 'pairs', 'is_same', 'galleries', 'probes',
                        'detector_scores'):
                setattr(self, key, getattr(inner, key))

    def __getitem__(self, index: int) -> dict:
        sample = self.inner[int(self._position[index])]
        sample['sample_idx'] = int(index)
        if self._low[index]:
            image = np.ascontiguousarray(sample['img'])
            sample['img'] = degrade_array(image, self.resolution)
        return sample


class _Chosen:
    """Some images of a source, perhaps several times."""

    streaming = False

    def __init__(self, source, positions: np.ndarray):
        self.source, self.positions = source, positions
        self.num_classes = source.num_classes

    def __len__(self) -> int:
        return len(self.positions)

    def read(self, index: int):
        return self.source.read(int(self.positions[index]))

    def name(self, index: int) -> str:
        return self.source.name(int(self.positions[index]))

    def __repr__(self) -> str:
        return repr(self.source)
