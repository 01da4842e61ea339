"""LFW-style verification of a benchmark's pairs."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.fusion import pair_scores
from lrfr_mm.evaluation.functional.quality import quality_weighted_scores
from lrfr_mm.evaluation.functional.verification import (
    auc,
    eer,
    kfold_verification,
    roc_points,
    tar_at_far,
)
from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, MetricResult, View
from lrfr_mm.registry import METRICS

__all__ = ['PairVerification', 'hardest_pairs', 'score_curves']


def score_curves(scores: np.ndarray, is_same: np.ndarray, max_points: int = 300) -> dict:
    """ROC (thinned to at most ``max_points``) and similarity histograms, as plain lists."""
    far, tar, _ = roc_points(scores, is_same)
    corners = np.flatnonzero(np.r_[True, (np.diff(far)[1:] > 0) | (np.diff(far)[:-1] > 0), True])
    if len(corners) > max_points:
        # Evenly over the logarithm of FAR, where ROC curves are read.
        position = np.log10(np.maximum(far[corners], 1e-6))
        wanted = np.linspace(position[0], position[-1], max_points)
        corners = corners[np.unique(np.clip(np.searchsorted(position, wanted), 0,
                                            len(corners) - 1))]
    edges = np.linspace(-1, 1, 81)
    return dict(far=far[corners].tolist(), tar=tar[corners].tolist(), edges=edges.tolist(),
                same=np.histogram(scores[is_same], edges)[0].tolist(),
                different=np.histogram(scores[~is_same], edges)[0].tolist())


def hardest_pairs(scores: np.ndarray, benchmark, count: int = 8
                  ) -> list[tuple[str, int, int, float]]:
    """The different pairs with the highest scores and the same pairs with the lowest."""
    out = []
    for kind, same, sign in (('false accept', False, -1), ('false reject', True, 1)):
        rows = np.flatnonzero(benchmark.is_same == same)
        worst = rows[np.argsort(sign * scores[rows], kind='stable')[:count]]
        out += [(kind, int(benchmark.pairs[k, 0]), int(benchmark.pairs[k, 1]), float(scores[k]))
                for k in worst]
    return out


@METRICS.register_module()
class PairVerification(EmbeddingMetric):
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
        super().__init__(benchmark, flip_test)
        self.protocol, self.folds, self.fars = protocol, folds, tuple(fars)
        self.resolution, self.quality = resolution, quality

    def resolutions(self) -> list[int | None]:
        return [self.resolution]

    def compute(self, embeddings, benchmark) -> MetricResult:
        vectors = self.fused(embeddings, self.resolution)
        scores = pair_scores(vectors, vectors, benchmark.pairs)
        is_same = benchmark.is_same
        if self.quality is not None:
            lengths = np.linalg.norm(embeddings[View(self.resolution)], axis=1)
            scores = quality_weighted_scores(scores, *lengths[benchmark.pairs].T, **self.quality)
        folds = kfold_verification(scores, is_same, self.folds, self.protocol)
        values = dict(accuracy=folds['accuracy'], accuracy_std=folds['accuracy_std'],
                      auc=auc(scores, is_same), eer=eer(scores, is_same))
        values.update({f'tar@{far:g}': rate for far, rate in
                       tar_at_far(scores, is_same, self.fars).items()})
        values.update({key: folds[key] for key in ('val', 'val_far') if key in folds})
        prefix = benchmark.name if self.resolution is None else (f'{benchmark.name}@'
                                                                 f'{self.resolution}')
        values = {f'{prefix}/{key}': 100 * float(value) for key, value in values.items()}
        protocol = (f'{self.protocol}, {self.folds} folds, flip {self.flip_test}'
                    + ('' if self.quality is None else ', quality-weighted')
                    + f'; {benchmark.protocol_note}')
        # With N different pairs a FAR below 1 / N is FAR 0: computed, but not worth a row.
        finest = 1 / (~is_same).sum()
        hidden = ('accuracy_std', 'val_far', *(f'tar@{far:g}' for far in self.fars if far < finest))
        return MetricResult(values, [k for k in values if not k.endswith(hidden)], protocol,
                            dict(pairs={prefix: score_curves(scores, is_same)}),
                            {f'{prefix}/accuracy': folds['correct']},
                            hardest_pairs(scores, benchmark))
