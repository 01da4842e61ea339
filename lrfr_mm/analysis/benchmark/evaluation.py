"""Scoring pairs and searching galleries, at the sizes of the field's benchmarks."""
from __future__ import annotations

import resource
import time

import numpy as np

from lrfr_mm.analysis.benchmark.timing import Result, seconds
from lrfr_mm.evaluation.functional import (
    identification_ranks,
    kfold_verification,
    normalise,
    tar_at_far,
    template_pair_scores,
)

__all__ = ['benchmark_evaluation']


def benchmark_evaluation(million_probes: int = 0) -> list[Result]:
    """LFW's size against the plain double loop, TinyFace's size, and faiss where it is installed.

    Args:
        million_probes: Also search a million gallery entries with so many probes (10,000 is the
            field's large case; minutes on a small machine).
    """
    rng = np.random.default_rng(0)
    results = [_pairs(rng), _templates(rng)]
    results += _gallery(rng, 3728, 157871)
    if million_probes:
        results += _gallery(rng, million_probes, 1_000_000)
    return results


def _pairs(rng) -> Result:
    first, second = (rng.normal(size=(6000, 512)).astype(np.float32) for _ in range(2))
    is_same = np.arange(6000) % 600 < 300
    second[is_same] += .5 * first[is_same]
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second /= np.linalg.norm(second, axis=1, keepdims=True)

    def ours():
        return kfold_verification(np.einsum('nd,nd->n', first, second), is_same,
                                  protocol='insightface')

    def double_loop():
        distances = 2 - 2 * np.einsum('nd,nd->n', first, second).astype(np.float64)
        grid, accuracies = np.arange(0, 4, .01), []
        for fold in range(10):
            test = np.zeros(6000, bool)
            test[600 * fold:600 * fold + 600] = True
            best = [np.mean((distances[~test] < t) == is_same[~test]) for t in grid]
            threshold = grid[int(np.argmax(best))]
            accuracies.append(np.mean((distances[test] < threshold) == is_same[test]))
            [np.mean((distances[test] < t) == is_same[test]) for t in grid]  # the curves it keeps
        return float(np.mean(accuracies))

    slow, fast = seconds(double_loop, 3), seconds(ours, 7)
    equal = abs(double_loop() - ours()['accuracy']) < 1e-12
    return Result('6,000 pairs x 512-d, insightface protocol with VAL', fast * 1e3, 'ms',
                  {'400 thresholds x 10 folds in two loops': f'{slow * 1e3:.0f} ms',
                   'ratio': f'{slow / fast:.0f}', 'same accuracy': equal})


def _templates(rng, templates: int = 23124, pairs: int = 15_658_489) -> Result:
    """IJB-C's size: scores of all template pairs, and TAR at six FARs."""
    vectors = rng.standard_normal((templates, 512), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second = (rng.integers(0, templates, pairs, dtype=np.int32) for _ in range(2))
    is_same = rng.random(pairs) < .00125
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    scores = template_pair_scores(vectors, first, second)
    tar_at_far(scores, is_same, (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1))
    took = time.perf_counter() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2 ** 20
    return Result(f'{pairs:,} template pairs x 512-d, scores and TAR', took, 's',
                  {'more memory': f'{more:.2f} GiB'})


def _gallery(rng, probes: int, gallery: int) -> list[Result]:
    gallery_vectors = rng.standard_normal((gallery, 512), dtype=np.float32)
    probe_vectors = rng.standard_normal((probes, 512), dtype=np.float32)
    labels = np.arange(gallery)
    probe_labels = rng.integers(0, gallery, probes)
    probe_vectors += .1 * gallery_vectors[probe_labels]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    ranks = identification_ranks(probe_vectors, gallery_vectors, probe_labels, labels)
    took = time.perf_counter() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2 ** 20
    name = f'{probes:,} probes x {gallery:,} x 512-d'
    flop = 2 * 512 * probes * gallery / 1e9
    results = [Result(f'ranks, {name}', took, 's', {
        'rank 1': f'{(ranks == 1).mean():.4f}', 'more memory': f'{more:.2f} GiB',
        'GFLOP/s of one product': f'{flop / took:.0f}'})]
    try:
        import faiss
    except ImportError:
        return [*results, Result(f'faiss flat index, {name}', float('nan'), 's',
                                 {'not measured': 'pip install faiss-cpu'})]
    start = time.perf_counter()
    index = faiss.IndexFlatIP(512)
    index.add(normalise(gallery_vectors))
    _, found = index.search(normalise(probe_vectors), 20)
    took = time.perf_counter() - start
    return [*results, Result(f'faiss flat index, top 20, {name}', took, 's', {
        'rank 1': f'{(found[:, 0] == probe_labels).mean():.4f}'})]
