"""Accuracy against test resolution (paper, Figure 3a)."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.fusion import pair_scores
from lrfr_mm.evaluation.functional.ssim import mean_ssim
from lrfr_mm.evaluation.functional.verification import kfold_verification
from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, MetricResult
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.evaluation.metrics.score_curves import score_curves
from lrfr_mm.ops.degradations import check_degradation
from lrfr_mm.registry import METRICS

__all__ = ['ResolutionSweep']


@METRICS.register_module()
class ResolutionSweep(EmbeddingMetric):
    """Pair verification with the images degraded to each of several resolutions.

    Values: ``PREFIX/accuracy@r`` in percent; with both sides degraded also ``PREFIX/ssim@r``, from
    -1 to 1, the mean structural similarity of up to ``ssim_images`` of the images with their
    degraded selves.

    Args:
        benchmark: Name of a pair benchmark.
        resolutions: Sides in px; the images' own side (112) means undegraded.
        sides: 'both' degrades both images of a pair, 'cross' the second alone.
        protocol: See ``kfold_verification``.
        folds: Number of consecutive folds.
        flip_test: 'none', 'concat' or 'sum'.
        prefix: First part of the names; default 'sweep' for both sides, 'cross' for one.
        image_size: The images' own side, px.
        ssim_images: Images for the SSIM, evenly spaced over the benchmark; 0 for no SSIM.
        degradation: The method's 'bicubic', or another of
            :func:`~lrfr_mm.ops.degradations.degrade_image`.
    """

    def __init__(self, benchmark: str, resolutions=(7, 10, 14, 20, 28, 42, 56, 112),
                 sides: str = 'both', protocol: str = 'exact', folds: int = 10,
                 flip_test: str = 'concat', prefix: str | None = None, image_size: int = 112,
                 ssim_images: int = 50, degradation: str = 'bicubic'):
        super().__init__(benchmark, flip_test)
        check_degradation(degradation)
        self.degradation = degradation
        if sides not in ('both', 'cross'):
            raise ValueError(f"sides must be 'both' or 'cross', got {sides!r}")
        if len(resolutions) == 0 or min(resolutions) < 1:
            raise ValueError(f'resolutions must be at least 1 px, got {resolutions}')
        self.sizes, self.sides = sorted(resolutions), sides
        self.protocol, self.folds, self.image_size = protocol, folds, image_size
        self.ssim_images = ssim_images
        self.name = prefix or ('sweep' if sides == 'both' else 'cross')

    def _resolution(self, size: int) -> int | None:
        return None if size >= self.image_size else size

    def resolutions(self) -> list[int | None]:
        wanted = [self._resolution(size) for size in self.sizes]
        return wanted if self.sides == 'both' or None in wanted else [*wanted, None]

    def compute(self, embeddings, benchmark) -> MetricResult:
        full = self.fused(embeddings, None) if self.sides == 'cross' else None
        values, curves, items = {}, [], {}
        for size in self.sizes:
            vectors = self.fused(embeddings, self._resolution(size))
            scores = pair_scores(vectors if full is None else full, vectors, benchmark.pairs)
            folds = kfold_verification(scores, benchmark.is_same, self.folds, self.protocol)
            values[f'{self.name}/accuracy@{size}'] = 100 * folds['accuracy']
            items[f'{self.name}/accuracy@{size}'] = folds['correct']
            if size == self.sizes[0] and self._resolution(size) is not None:
                curves = score_curves(scores, benchmark.is_same,
                                      f'{benchmark.name} {self.name} {size} px')
        which = 'both images' if self.sides == 'both' else 'the second image'
        protocol = (f'{benchmark.name}, {which} at r px, {self.degradation}; {self.protocol}, '
                    f'{self.folds} folds, flip {self.flip_test}')
        accuracy = Line(self.sizes, list(values.values()))
        headline, ssim = list(values), []
        if self.ssim_images and self.sides == 'both':
            step = max(1, len(benchmark) // self.ssim_images)
            images = [np.ascontiguousarray(benchmark[i]['img'])
                      for i in range(0, len(benchmark), step)][:self.ssim_images]
            ssim = [mean_ssim(images, size, self.degradation) for size in self.sizes]
            values.update({f'{self.name}/ssim@{size}': value
                           for size, value in zip(self.sizes, ssim, strict=True)})
        curve = self._curve(benchmark.name, accuracy, ssim, protocol)
        return MetricResult(values, headline, protocol, [curve, *curves], items,
                            highlights=headline[:1])

    def _curve(self, benchmark: str, accuracy: Line, ssim: list[float], note: str) -> Curve:
        """Accuracy against resolution; the mean SSIM, where it was asked for, on the right."""
        degraded = 'both images' if self.sides == 'both' else 'one image'
        title = f'{benchmark}: {degraded} of a pair degraded'
        if self.name not in ('sweep', 'cross'):
            title += f' ({self.name})'
        return Curve('Accuracy against resolution', title,
                     Axis('test resolution, px', 'log', self.sizes,
                          (.8 * self.sizes[0], 1.08 * self.sizes[-1])),
                     Axis('accuracy, %'), [accuracy],
                     Axis('mean SSIM', limits=(0, 1.02)) if ssim else None,
                     [Line(self.sizes, ssim, 'mean SSIM (right)')] if ssim else [],
                     table=True, note=note)
