"""1:N identification, closed and open set."""
from __future__ import annotations

import numpy as np

from lrfr_mm.evaluation.functional.faiss_search import FAISS_INDEXES, search_gallery_faiss
from lrfr_mm.evaluation.functional.identification import (
    mean_average_precision,
    rank_k_accuracy,
    search_gallery,
    tpir_at_fpir,
)
from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, MetricResult
from lrfr_mm.registry import METRICS

__all__ = ['Identification', 'identification_values']


def identification_values(search, ks, fpirs, open_rank: int, average_precision: str
                          ) -> tuple[dict, dict]:
    """Rates of one search, 0 to 1, and its curves: CMC, and TPIR against FPIR where it is open."""
    values = {f'rank{k}': rate for k, rate in rank_k_accuracy(search.ranks, ks).items()}
    if len(search.mate_ranks):
        values['map'] = mean_average_precision(search, average_precision)
    places = np.unique(np.geomspace(1, 100, 40).round().astype(int))
    curves = dict(cmc=dict(rank=places.tolist(),
                           share=list(rank_k_accuracy(search.ranks, places).values())))
    if (search.ranks == 0).any():
        values.update({f'tpir@{fpir:g}': rate for fpir, rate in
                       tpir_at_fpir(search, fpirs, open_rank).items()})
        grid = np.geomspace(1e-3, 1, 60)
        curves['tpir'] = dict(fpir=grid.tolist(),
                              tpir=list(tpir_at_fpir(search, grid, open_rank).values()))
    return values, curves


@METRICS.register_module()
class Identification(EmbeddingMetric):
    """Rank k, mAP and CMC of a gallery benchmark; TPIR at FPIR where some probes have no mate.

    Values, in percent: ``NAME/rank1``, ..., ``NAME/map``, ``NAME/tpir@0.1``, ...; with several sets
    of probes ``NAME/d1/rank1`` and so on, and ``NAME/mean/rank1``, the mean over the sets.

    Args:
        benchmark: Name of the benchmark.
        ks: Ranks to report.
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
        self.ks, self.fpirs, self.open_rank = tuple(ks), tuple(fpirs), open_rank
        self.average_precision, self.chunk = average_precision, chunk
        if engine not in ('exact', *FAISS_INDEXES):
            raise ValueError(f'engine must be exact, {", ".join(FAISS_INDEXES)}, got {engine!r}')
        self.engine = engine

    def compute(self, embeddings, benchmark) -> MetricResult:
        vectors = self.fused(embeddings, None)
        values, curves, items, sets = {}, {}, {}, {}
        for key, probes in benchmark.probes.items():
            problem = (vectors[probes], vectors[benchmark.gallery], benchmark.identities[probes],
                       benchmark.identities[benchmark.gallery])
            recall = None
            if self.engine == 'exact':
                search = search_gallery(*problem, self.chunk)
            else:
                search, recall = search_gallery_faiss(*problem, self.engine)
            rates, found = identification_values(search, self.ks, self.fpirs, self.open_rank,
                                                 self.average_precision)
            if recall is not None:
                rates['recall'] = recall
            prefix = f'{benchmark.name}/{key}' if key else benchmark.name
            values.update({f'{prefix}/{name}': 100 * rate for name, rate in rates.items()})
            for name, curve in found.items():
                curves.setdefault(name, {})[prefix] = curve
            sets[key] = rates
            known = search.ranks > 0
            items[f'{prefix}/rank1'] = search.ranks[known] == 1
        headline = list(values)
        if len(sets) > 1:
            shared = set.intersection(*(set(rates) for rates in sets.values()))
            for name in [n for n in next(iter(sets.values())) if n in shared]:
                mean = float(np.mean([rates[name] for rates in sets.values()]))
                values[f'{benchmark.name}/mean/{name}'] = 100 * mean
            headline = [f'{benchmark.name}/{key}/rank1' for key in [*sets, 'mean']]
        protocol = f'cosine, flip {self.flip_test}'
        if self.engine != 'exact':
            protocol += f', faiss {self.engine}'
        if 'tpir' in curves:
            protocol += f', open set within rank {self.open_rank}'
        elif len(sets) == 1 and self.engine == 'exact':
            protocol += f', mAP {self.average_precision}'
        return MetricResult(values, headline, f'{protocol}; {benchmark.protocol_note}', curves,
                            items)
