"""Errors that remain when pairs of low quality are refused."""
from __future__ import annotations

from lrfr_mm.evaluation.functional.discard import discard_area, error_against_discard
from lrfr_mm.evaluation.metrics.base import MetricResult
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.evaluation.metrics.pair_metric import PairMetric
from lrfr_mm.registry import METRICS

__all__ = ['ErrorDiscard']


@METRICS.register_module()
class ErrorDiscard(PairMetric):
    """False non-match rate against the share of pairs refused for their quality.

    The quality of a pair is the smaller of its two embeddings' lengths. Values, percent:
    ``NAME/discard_fnmr@SHARE`` for each of ``shares``, and ``NAME/discard_area``, the mean rate up
    to the share ``limit``. See :func:`~lrfr_mm.evaluation.functional.error_against_discard`.

    Args:
        benchmark: Name of a benchmark with pairs.
        far: False match rate that fixes the threshold.
        shares: Shares of refused pairs to report, 0 to below 1.
        limit: Largest share that counts for the area.
        flip_test: 'none', 'concat' or 'sum'.
        resolution: Degrade both images of a pair to this side first, px; None: as they are.
    """

    def __init__(self, benchmark: str, far: float = 1e-2, shares=(0., .1, .2), limit: float = .2,
                 flip_test: str = 'concat', resolution: int | None = None):
        super().__init__(benchmark, flip_test, resolution)
        self.far, self.shares, self.limit = far, tuple(shares), limit

    def compute(self, embeddings, benchmark) -> MetricResult:
        scores, same = self.pair_scores(embeddings, benchmark), benchmark.is_same
        quality = self.pair_lengths(embeddings, benchmark).min(0)
        prefix = self.value_prefix(benchmark)
        _, rates, _ = error_against_discard(scores, same, quality, self.far, self.shares)
        values = {f'{prefix}/discard_fnmr@{share:g}': 100 * float(rate)
                  for share, rate in zip(self.shares, rates, strict=True)}
        fractions, rates, _ = error_against_discard(scores, same, quality, self.far)
        values[f'{prefix}/discard_area'] = 100 * discard_area(fractions, rates, self.limit)
        curve = Curve(prefix, 'error against discard', Axis('refused pairs, %', limits=(0, 95)),
                      Axis('false non-match rate, %', limits=(0, None)),
                      [Line((100 * fractions).tolist(), (100 * rates).tolist(), style='step')])
        return MetricResult(values, list(values), f'false match rate {self.far:g}, quality: length '
                            f'of the embedding, flip {self.flip_test}; {benchmark.protocol_note}',
                            [curve], lower_is_better=set(values))
