"""The base of all metrics: numbers and curves from embeddings."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.evaluator import BaseMetric

from lrfr_mm.evaluation.functional.fusion import FLIP_TESTS, fuse_flip
from lrfr_mm.evaluation.functional.intervals import mean_rate_interval, rate_interval
from lrfr_mm.evaluation.metrics.curve import Curve

__all__ = ['EmbeddingMetric', 'ImageVariant', 'MetricResult', 'View', 'with_intervals']


class ImageVariant(NamedTuple):
    """How the network is shown an image.

    Attributes:
        resolution: Side to which the image is degraded first, px; None for the image as it is.
        mirrored: Whether it is flipped left to right.
        degradation: See :func:`~lrfr_mm.ops.degradations.degrade_image`.
    """

    resolution: int | None = None
    mirrored: bool = False
    degradation: str = 'bicubic'


View = ImageVariant  # its former name


@dataclass
class MetricResult:
    """What a metric found.

    Attributes:
        values: Flat name to number; rates in percent.
        headline: Names of ``values`` for the table.
        protocol: How they were computed, for the report.
        curves: Plots for the report.
        items: For rates that are means of ones and zeros, name of the value to bool (N,): which
            pairs or probes were right. Intervals and comparisons of models come from them.
        hardest: The worst pairs: kind, the positions of both images, score.
        means: Name of a value to the names in ``items`` whose rates it is the mean of.
        highlights: Names of ``values`` for the head of the report.
        lower_is_better: Names of ``values`` where less is better.
    """

    values: dict[str, float]
    headline: list[str]
    protocol: str
    curves: list[Curve] = field(default_factory=list)
    items: dict[str, np.ndarray] = field(default_factory=dict)
    hardest: list[tuple[str, int, int, float]] = field(default_factory=list)
    means: dict[str, list[str]] = field(default_factory=dict)
    highlights: list[str] = field(default_factory=list)
    lower_is_better: set[str] = field(default_factory=set)


def with_intervals(result: MetricResult) -> MetricResult:
    """Add ``NAME_low`` and ``NAME_high``, percent, to ``result.values``: the 95 % interval of each
    rate whose items the metric knows (Wilson), and of each mean of such rates (MOVER).
    """
    found = {name: rate_interval(correct) for name, correct in result.items.items()
             if len(correct)}
    found.update({name: mean_rate_interval([result.items[part] for part in parts])
                  for name, parts in result.means.items()})
    for name, (low, high) in found.items():
        result.values[f'{name}_low'], result.values[f'{name}_high'] = 100 * low, 100 * high
    return result


class EmbeddingMetric(BaseMetric):
    """Numbers and curves from the embeddings of a benchmark's images.

    ``BenchmarkLoop`` embeds every image once for each variant that any metric asks for and calls
    :meth:`compute`. mmengine's ``Evaluator`` and its loops work as well: they show images as they
    are, which suits metrics with ``flip_test='none'`` that do not degrade images. The benchmark
    then comes from ``dataset_meta['benchmark']``, which every benchmark has.

    A new metric is one file: it overrides :meth:`compute`, and :meth:`resolutions` if it degrades
    images.

    Args:
        benchmark: Name of the benchmark whose embeddings are wanted.
        flip_test: 'none', 'concat' or 'sum'; see ``fuse_flip``.
    """

    def __init__(self, benchmark: str, flip_test: str = 'concat'):
        if flip_test not in FLIP_TESTS:
            raise ValueError(f'flip_test must be one of {", ".join(FLIP_TESTS)}, '
                             f'got {flip_test!r}')
        super().__init__(prefix=benchmark)  # mmengine warns of an empty prefix
        self.prefix = None  # the values' names begin with the benchmark's already
        self.benchmark, self.flip_test = benchmark, flip_test
        self.degradation = 'bicubic'

    def _variant(self, resolution: int | None, mirrored: bool = False) -> ImageVariant:
        return ImageVariant(resolution, mirrored,
                            'bicubic' if resolution is None else self.degradation)

    def resolutions(self) -> list[int | None]:
        """Resolutions at which the images must be embedded, px; None: as they are."""
        return [None]

    def views(self) -> list[ImageVariant]:
        """All variants of the images that :meth:`compute` looks up."""
        mirrors = (False,) if self.flip_test == 'none' else (False, True)
        return [self._variant(r, m) for r in self.resolutions() for m in mirrors]

    def fused(self, embeddings: Mapping[ImageVariant, np.ndarray], resolution: int | None
              ) -> np.ndarray:
        """Unit vectors, float32 (N, D) or (N, 2 D), of all images at ``resolution``."""
        return fuse_flip(embeddings[self._variant(resolution)],
                         embeddings.get(self._variant(resolution, True)), self.flip_test)

    def compute(self, embeddings: Mapping[ImageVariant, np.ndarray], benchmark) -> MetricResult:
        """The numbers and curves.

        Args:
            embeddings: For each variant, float32 (N, D) in the benchmark's order, not normalised.
            benchmark: The benchmark that the embeddings are of.
        """
        raise NotImplementedError

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the embeddings of a batch (mmengine's Evaluator calls this).

        Args:
            data_batch: Not used.
            data_samples: For each image ``embedding`` (D,), ``sample_idx``, its position in the
                benchmark, and perhaps ``variant``; without one the image was shown as it is.
        """
        self.results += [(int(sample['sample_idx']), sample.get('variant', ImageVariant()),
                          torch.as_tensor(sample['embedding']).detach().float().cpu().numpy())
                         for sample in data_samples]

    def evaluate(self, size: int) -> dict[str, float]:
        """The values, with intervals, of ``size`` images (mmengine's Evaluator calls this)."""
        return super().evaluate(size * len(self.views()))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The values, with intervals, from what :meth:`process` kept.

        Raises:
            ValueError: Without a benchmark in ``dataset_meta``, or if an image was not embedded as
                the metric needs it.
        """
        benchmark = (self.dataset_meta or {}).get('benchmark')
        if benchmark is None:
            raise ValueError(f"{type(self).__name__} needs dataset_meta['benchmark']: its dataset "
                             'must be a benchmark')
        found: dict[ImageVariant, dict[int, np.ndarray]] = {view: {} for view in self.views()}
        for index, variant, embedding in results:
            if variant in found:
                found[variant][index] = embedding
        embeddings = {}
        for variant, vectors in found.items():
            missing = next((i for i in range(len(benchmark)) if i not in vectors), None)
            if missing is not None:
                raise ValueError(
                    f'{type(self).__name__} needs image {missing} of {benchmark.name} as {variant},'
                    " which was not embedded: mmengine's own loops show images as they are, use "
                    "BenchmarkLoop, or flip_test='none' and no resolution")
            embeddings[variant] = np.stack([vectors[i] for i in range(len(benchmark))])
        return with_intervals(self.compute(embeddings, benchmark)).values
