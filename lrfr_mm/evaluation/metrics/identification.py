"""1:N identification, closed and open set."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.faiss_search import FAISS_INDEXES, search_gallery_faiss
from lrfr_mm.evaluation.functional.identification import (
    GallerySearch,
    mean_average_precision,
    rank_k_accuracy,
    search_gallery,
    tpir_at_fpir,
)
from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, MetricResult
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.registry import METRICS

__all__ = ['Identification', 'identification_curves', 'identification_values']


def identification_values(search: GallerySearch, ks, fpirs, open_rank: int,
                          average_precision: str) -> dict[str, float]:
    """Rates of one search, 0 to 1: rank k, mAP, and TPIR at FPIR where some probes have no mate.

    Args:
        search: Of ``search_gallery``.
        ks: Ranks.
        fpirs: False positive identification rates.
        open_rank: See ``tpir_at_fpir``.
        average_precision: See ``mean_average_precision``.
    """
    values = {f'rank{k}': rate for k, rate in rank_k_accuracy(search.ranks, ks).items()}
    if len(search.mate_ranks):
        values['map'] = mean_average_precision(search, average_precision)
    if (search.ranks == 0).any():
        values.update({f'tpir@{fpir:g}': rate for fpir, rate in
                       tpir_at_fpir(search, fpirs, open_rank).items()})
    return values


def identification_curves(search: GallerySearch, name: str, open_rank: int) -> list[Curve]:
    """CMC up to rank 100, and TPIR against FPIR where some probes have no mate; in percent.

    Args:
        search: Of ``search_gallery``.
        name: Benchmark, or set of probes, for the headings.
        open_rank: See ``tpir_at_fpir``.
    """
    ranks = np.unique(np.geomspace(1, 100, 40).round().astype(int))
    shares = [100 * share for share in rank_k_accuracy(search.ranks, ranks).values()]
    percent = (0, 101)
    curves = [Curve('Identification', f'{name}: CMC',
                    Axis('rank', 'log', [1, 5, 10, 20, 50, 100], (1, None)),
                    Axis('identified, %', limits=percent),
                    [Line(ranks.tolist(), shares, style='step')])]
    if (search.ranks == 0).any():
        grid = np.geomspace(1e-3, 1, 60)
        rates = [100 * rate for rate in tpir_at_fpir(search, grid, open_rank).values()]
        curves.append(Curve('Identification', f'{name}: open set',
                            Axis('false positive identification rate', 'log', limits=(1e-3, 1)),
                            Axis('true positive identification rate, %', limits=percent),
                            [Line(grid.tolist(), rates, style='step')]))
    return curves


@METRICS.register_module()
class Identification(EmbeddingMetric):
    """Rank k, mAP and CMC of a gallery benchmark; TPIR at FPIR where some probes have no mate.

    Values, in percent: ``NAME/rank1``, ..., ``NAME/map``, ``NAME/tpir@0.1``, ...; with several sets
    of probes ``NAME/d1/rank1`` and so on, and ``NAME/mean/rank1``, the mean over the sets.

    Args:
        benchmark: Name of the benchmark.
        ks: Ranks to report beside 1.
        fpirs: False positive identification rates.
        open_rank: A probe counts in the open set if its mate is among so many best.
        average_precision: 'step' or 'trapezoid' (TinyFace's code); see
            ``mean_average_precision``.
        flip_test: 'none', 'concat', 'sum'.
        chunk: Memory of the search; see ``search_gallery``.
        engine: 'exact', or faiss's 'flat', 'ivf' or 'hnsw' for galleries of many millions: ranks up
            to 100, no mAP, and ``NAME/recall``, the share of the true 100 best that was found.
    """

    def __init__(self, benchmark: str, ks=(1, 5, 10, 20), fpirs=(.01, .1, .2, .3),
                 open_rank: int = 20, average_precision: str = 'step', flip_test: str = 'none',
                 chunk: int = 8192, engine: str = 'exact'):
        super().__init__(benchmark, flip_test)
        self.ks, self.fpirs, self.open_rank = tuple(sorted({1, *ks})), tuple(fpirs), open_rank
        self.average_precision, self.chunk = average_precision, chunk
        if engine not in ('exact', *FAISS_INDEXES):
            raise ValueError(f'engine must be exact, {", ".join(FAISS_INDEXES)}, got {engine!r}')
        self.engine = engine

    def compute(self, embeddings, benchmark) -> MetricResult:
        vectors = self.fused(embeddings, None)
        values, curves, items, sets = {}, [], {}, {}
        for key, probes in benchmark.probes.items():
            search, recall = self._search(vectors[probes], vectors[benchmark.gallery],
                                          benchmark.identities[probes],
                                          benchmark.identities[benchmark.gallery])
            rates = identification_values(search, self.ks, self.fpirs, self.open_rank,
                                          self.average_precision)
            if recall is not None:
                rates['recall'] = recall
            prefix = f'{benchmark.name}/{key}' if key else benchmark.name
            values.update({f'{prefix}/{name}': 100 * rate for name, rate in rates.items()})
            curves += identification_curves(search, prefix, self.open_rank)
            sets[key] = rates
            items[f'{prefix}/rank1'] = search.ranks[search.ranks > 0] == 1
        headline, means = list(values), {}
        if len(sets) > 1:
            shared = set.intersection(*(set(rates) for rates in sets.values()))
            for name in [n for n in next(iter(sets.values())) if n in shared]:
                mean = float(np.mean([rates[name] for rates in sets.values()]))
                values[f'{benchmark.name}/mean/{name}'] = 100 * mean
            headline = [f'{benchmark.name}/{key}/rank1' for key in [*sets, 'mean']]
            means[headline[-1]] = list(items)
        protocol = f'cosine, flip {self.flip_test}'
        if self.engine != 'exact':
            protocol += f', faiss {self.engine}'
        if any('tpir' in name for name in values):
            protocol += f', open set within rank {self.open_rank}'
        elif len(sets) == 1 and self.engine == 'exact':
            protocol += f', mAP {self.average_precision}'
        return MetricResult(values, headline, f'{protocol}; {benchmark.protocol_note}', curves,
                            items, means=means, highlights=headline[-1:] if means else headline[:1])

    def _search(self, *problem: np.ndarray) -> tuple[GallerySearch, float | None]:
        """Search by the engine that was asked for; the recall of faiss's, None for the exact one.
        """
        if self.engine == 'exact':
            return search_gallery(*problem, self.chunk), None
        return search_gallery_faiss(*problem, self.engine)
