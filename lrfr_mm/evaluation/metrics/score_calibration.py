"""What scores are worth as evidence, and whether said probabilities are true."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.likelihood import (
    cllr,
    expected_calibration_error,
    minimum_cllr,
    reliability,
)
from lrfr_mm.evaluation.functional.verification import check_both_kinds
from lrfr_mm.evaluation.metrics.base import MetricResult
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.evaluation.metrics.pair_metric import PairMetric
from lrfr_mm.registry import METRICS

__all__ = ['ScoreCalibration', 'cross_fitted_logits']


def cross_fitted_logits(scores: np.ndarray, is_same: np.ndarray, folds: int
                        ) -> tuple[np.ndarray, np.ndarray]:
    """Logistic calibration of each fold by the pairs of the others.

    Args:
        scores: Cosine similarities, (N,).
        is_same: True for pairs of one identity, bool (N,).
        folds: Number of consecutive folds.

    Returns:
        Log-likelihood ratios and log posterior odds, natural, float64 (N,) each; they differ by the
        log prior odds of the other folds.

    Raises:
        ValueError: If the other folds of one hold pairs of one kind only.
    """
    from sklearn.linear_model import LogisticRegression
    ratios, odds = np.empty(len(scores)), np.empty(len(scores))
    for test in np.array_split(np.arange(len(scores)), folds):
        train = np.ones(len(scores), bool)
        train[test] = False
        check_both_kinds(is_same[train])
        model = LogisticRegression(C=1e6).fit(scores[train, None], is_same[train])
        odds[test] = model.decision_function(scores[test, None])
        same = is_same[train].sum()
        ratios[test] = odds[test] - np.log(same / (train.sum() - same))
    return ratios, odds


@METRICS.register_module()
class ScoreCalibration(PairMetric):
    """Cllr and calibration error of a pair benchmark, calibrated by logistic regression.

    Values: ``NAME/cllr`` and ``NAME/cllr_min``, bits (see
    :func:`~lrfr_mm.evaluation.functional.cllr`; the difference is what calibration loses), and
    ``NAME/ece``, percent, of the probability that a pair is of one person, with the benchmark's own
    share of such pairs as the prior. Curve: the reliability diagram.

    Args:
        benchmark: Name of a benchmark with pairs.
        folds: Each of so many consecutive folds is calibrated by the pairs of the others.
        bins: Bins of the calibration error.
        flip_test: 'none', 'concat' or 'sum'.
        resolution: Degrade both images of a pair to this side first, px; None: as they are.
    """

    def __init__(self, benchmark: str, folds: int = 10, bins: int = 15,
                 flip_test: str = 'concat', resolution: int | None = None):
        super().__init__(benchmark, flip_test, resolution)
        self.folds, self.bins = folds, bins

    def compute(self, embeddings, benchmark) -> MetricResult:
        scores, same = self.pair_scores(embeddings, benchmark), benchmark.is_same
        ratios, odds = cross_fitted_logits(scores, same, self.folds)
        probabilities = 1 / (1 + np.exp(-odds))
        prefix = self.value_prefix(benchmark)
        values = {f'{prefix}/cllr': cllr(ratios, same),
                  f'{prefix}/cllr_min': minimum_cllr(scores, same),
                  f'{prefix}/ece': 100 * expected_calibration_error(probabilities, same, self.bins)}
        said, true, _ = reliability(probabilities, same, self.bins)
        percent = (0., 100.)
        curve = Curve(prefix, 'reliability', Axis('said probability, %', limits=percent),
                      Axis('pairs of one person, %', limits=percent),
                      [Line((100 * said).tolist(), (100 * true).tolist())])
        return MetricResult(values, list(values), f'logistic, {self.folds} folds, flip '
                            f'{self.flip_test}; {benchmark.protocol_note}', [curve],
                            lower_is_better=set(values))
