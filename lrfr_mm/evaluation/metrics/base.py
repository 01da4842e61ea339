"""What a metric asks of a benchmark loop, and gives back."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from lrfr_mm.evaluation.functional.fusion import FLIP_TESTS, fuse_flip

__all__ = ['EmbeddingMetric', 'MetricResult', 'View']


class View(NamedTuple):
    """How the network sees an image: at ``resolution`` px (None: as it is) by ``degradation``
    (see :func:`~lrfr_mm.ops.degradations.degrade_image`), mirrored or not.
    """

    resolution: int | None = None
    mirrored: bool = False
    degradation: str = 'bicubic'


@dataclass
class MetricResult:
    """``values``: flat name -> number, rates in percent; the rest is for the table and the report.

    ``headline`` lists the names of ``values`` that belong into the table, ``protocol`` says how
    they were computed, ``curves`` holds plain lists for the plots. ``items`` tells, for rates that
    are means of ones and zeros, which items are right (bool arrays): what confidence intervals and
    comparisons of models are made of. ``hardest`` lists the worst pairs: kind, the two positions,
    score.
    """

    values: dict[str, float]
    headline: list[str]
    protocol: str
    curves: dict = field(default_factory=dict)
    items: dict = field(default_factory=dict)
    hardest: list[tuple[str, int, int, float]] = field(default_factory=list)


class EmbeddingMetric:
    """Numbers from embeddings; the loop embeds every image once for each view that any metric asks.

    Args:
        benchmark: Name of the benchmark whose embeddings are wanted.
        flip_test: 'none', 'concat' or 'sum'; see ``fuse_flip``.
    """

    def __init__(self, benchmark: str, flip_test: str = 'concat'):
        if flip_test not in FLIP_TESTS:
            raise ValueError(f'flip_test must be one of {", ".join(FLIP_TESTS)}, '
                             f'got {flip_test!r}')
        self.benchmark, self.flip_test = benchmark, flip_test
        self.degradation = 'bicubic'

    def _view(self, resolution: int | None, mirrored: bool = False) -> View:
        return View(resolution, mirrored,
                    'bicubic' if resolution is None else self.degradation)

    def resolutions(self) -> list[int | None]:
        """Resolutions at which the images must be embedded, px; None: as they are."""
        return [None]

    def views(self) -> list[View]:
        """All views that :meth:`compute` will look up."""
        mirrors = (False,) if self.flip_test == 'none' else (False, True)
        return [self._view(r, m) for r in self.resolutions() for m in mirrors]

    def fused(self, embeddings: dict[View, np.ndarray], resolution: int | None) -> np.ndarray:
        """Unit vectors (N, D') of all images at ``resolution``."""
        return fuse_flip(embeddings[self._view(resolution)],
                         embeddings.get(self._view(resolution, True)), self.flip_test)

    def compute(self, embeddings: dict[View, np.ndarray], benchmark) -> MetricResult:
        """The numbers.

        Args:
            embeddings: For each view, float32 (N, D) in the benchmark's order, not normalised.
            benchmark: The benchmark that the embeddings are of.
        """
        raise NotImplementedError
