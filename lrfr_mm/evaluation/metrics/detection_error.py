"""Detection error trade-off of a pair benchmark."""
from __future__ import annotations

from lrfr_mm.evaluation.functional.verification import det_points, tar_at_far
from lrfr_mm.evaluation.metrics.base import MetricResult
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.evaluation.metrics.pair_metric import PairMetric
from lrfr_mm.evaluation.metrics.score_curves import thin_steps
from lrfr_mm.registry import METRICS

__all__ = ['DetectionErrorTradeoff']


@METRICS.register_module()
class DetectionErrorTradeoff(PairMetric):
    """False non-match rate at given false match rates, and the DET plot (Martin et al., 1997).

    Values, percent: ``NAME/fnmr@FMR`` for each of ``fmrs``, without interpolation.

    Args:
        benchmark: Name of a benchmark with pairs.
        fmrs: False match rates.
        flip_test: 'none', 'concat' or 'sum'.
        resolution: Degrade both images of a pair to this side first, px; None: as they are.
    """

    def __init__(self, benchmark: str, fmrs=(1e-4, 1e-3, 1e-2), flip_test: str = 'concat',
                 resolution: int | None = None):
        super().__init__(benchmark, flip_test, resolution)
        self.fmrs = tuple(fmrs)

    def compute(self, embeddings, benchmark) -> MetricResult:
        scores, same = self.pair_scores(embeddings, benchmark), benchmark.is_same
        prefix = self.value_prefix(benchmark)
        values = {f'{prefix}/fnmr@{fmr:g}': 100 * (1 - tar) for fmr, tar in
                  tar_at_far(scores, same, self.fmrs).items()}
        fmr, fnmr, _ = det_points(scores, same)
        kept = thin_steps(fmr)
        kept = kept[(fmr[kept] > 0) & (fmr[kept] < 1) & (fnmr[kept] > 0) & (fnmr[kept] < 1)]
        curve = Curve(prefix, 'DET', Axis('false match rate', 'probit'),
                      Axis('false non-match rate', 'probit'),
                      [Line(fmr[kept].tolist(), fnmr[kept].tolist(), style='step')])
        finest = 1 / (~same).sum()  # a rate below one pair is rate 0: computed, but no row
        shown = [f'{prefix}/fnmr@{fmr:g}' for fmr in self.fmrs if fmr >= finest]
        return MetricResult(values, shown, f'flip {self.flip_test}; {benchmark.protocol_note}',
                            [curve], lower_is_better=set(values))
