"""LFW-style verification of a benchmark's pairs."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.quality import quality_weighted_scores
from lrfr_mm.evaluation.functional.verification import (
    auc,
    eer,
    kfold_verification,
    tar_at_far,
)
from lrfr_mm.evaluation.metrics.base import MetricResult
from lrfr_mm.evaluation.metrics.pair_metric import PairMetric
from lrfr_mm.evaluation.metrics.score_curves import score_curves
from lrfr_mm.registry import METRICS

__all__ = ['PairVerification', 'hardest_pairs']


def hardest_pairs(scores: np.ndarray, benchmark, count: int = 8
                  ) -> list[tuple[str, int, int, float]]:
    """The different pairs with the highest scores and the same pairs with the lowest.

    Args:
        scores: Similarities of the benchmark's pairs, (P,).
        benchmark: With ``pairs``, int (P, 2), and ``is_same``, bool (P,).
        count: Most pairs of each kind.

    Returns:
        Kind ('false accept' or 'false reject'), positions of both images, score; the worst first.
    """
    out = []
    for kind, same, sign in (('false accept', False, -1), ('false reject', True, 1)):
        rows = np.flatnonzero(benchmark.is_same == same)
        worst = rows[np.argsort(sign * scores[rows], kind='stable')[:count]]
        out += [(kind, int(benchmark.pairs[k, 0]), int(benchmark.pairs[k, 1]), float(scores[k]))
                for k in worst]
    return out


@METRICS.register_module()
class PairVerification(PairMetric):
    """Accuracy over folds, TAR at FAR, AUC and EER of a pair benchmark.

    Values, all in percent: ``NAME/accuracy``, ``accuracy_std`` (over folds), ``auc``, ``eer``,
    ``tar@FAR`` for each of ``fars``; for the insightface protocol also ``val`` and ``val_far``.

    Args:
        benchmark: Name of the benchmark.
        protocol: 'exact', 'insightface', 'xqlfw' or 'lrfr'; see ``kfold_verification``.
        folds: Number of consecutive folds.
        fars: False accept rates.
        flip_test: 'none', 'concat' or 'sum'.
        resolution: Degrade both images of a pair to this side first, px; None: as they are.
        quality: ``dict(slope=, offset=)`` of ``quality_weighted_scores``, with the embeddings'
            lengths as quality; None for plain cosines.
    """

    def __init__(self, benchmark: str, protocol: str = 'exact', folds: int = 10,
                 fars=(1e-4, 1e-3, 1e-2), flip_test: str = 'concat',
                 resolution: int | None = None, quality: dict | None = None):
        super().__init__(benchmark, flip_test, resolution)
        self.protocol, self.folds, self.fars = protocol, folds, tuple(fars)
        self.quality = quality

    def compute(self, embeddings, benchmark) -> MetricResult:
        scores, is_same = self.pair_scores(embeddings, benchmark), benchmark.is_same
        if self.quality is not None:
            scores = quality_weighted_scores(
                scores, *self.pair_lengths(embeddings, benchmark), **self.quality)
        folds = kfold_verification(scores, is_same, self.folds, self.protocol)
        values = dict(accuracy=folds['accuracy'], accuracy_std=folds['accuracy_std'],
                      auc=auc(scores, is_same), eer=eer(scores, is_same))
        values.update({f'tar@{far:g}': rate for far, rate in
                       tar_at_far(scores, is_same, self.fars).items()})
        values.update({key: folds[key] for key in ('val', 'val_far') if key in folds})
        prefix = self.value_prefix(benchmark)
        values = {f'{prefix}/{key}': 100 * float(value) for key, value in values.items()}
        protocol = (f'{self.protocol}, {self.folds} folds, flip {self.flip_test}'
                    + ('' if self.quality is None else ', quality-weighted')
                    + f'; {benchmark.protocol_note}')
        # With N different pairs a FAR below 1 / N is FAR 0: computed, but not worth a row.
        finest = 1 / (~is_same).sum()
        hidden = ('accuracy_std', 'val_far', *(f'tar@{far:g}' for far in self.fars if far < finest))
        accuracy = f'{prefix}/accuracy'
        return MetricResult(values, [k for k in values if not k.endswith(hidden)], protocol,
                            score_curves(scores, is_same, prefix),
                            {accuracy: folds['correct']}, hardest_pairs(scores, benchmark),
                            highlights=[accuracy], lower_is_better={f'{prefix}/eer'})
