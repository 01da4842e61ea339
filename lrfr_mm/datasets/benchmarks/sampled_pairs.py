"""Pairs, and a gallery with probes, drawn from any set of labelled faces."""
from __future__ import annotations

import numpy as np

from lrfr_mm.datasets.benchmarks.base import GalleryBenchmark, PairBenchmark
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional.identification import UNKNOWN
from lrfr_mm.registry import DATASETS, SOURCES

__all__ = ['SampledGallery', 'SampledPairs', 'sample_pairs']


def sample_pairs(labels: np.ndarray, num_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw distinct pairs, same and different in turn, so that every fold has both kinds.

    Args:
        labels: Identities, (N,).
        num_pairs: How many; fewer come back where the set does not hold as many distinct ones.
        seed: Of the draw.

    Returns:
        Pairs (P, 2) with P even, and whether each is of one person, (P,).

    Raises:
        InputError: If there is no pair of one of the kinds.
    """
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    order = np.argsort(labels, kind='stable')
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    many = np.flatnonzero(counts > 1)
    if len(many) == 0 or len(counts) < 2:
        raise InputError('pairs need at least two people, one of them with two images; the set '
                         f'has {len(counts)} people, {len(many)} of them with two')
    num_same = int((counts * (counts - 1) // 2).sum())
    num_diff = len(labels) * (len(labels) - 1) // 2 - num_same
    half = min(num_pairs // 2, num_same, num_diff)

    def same() -> tuple[int, int]:
        person = many[rng.integers(len(many))]
        return tuple(starts[person] + rng.choice(counts[person], 2, replace=False))

    def different() -> tuple[int, int]:
        first, second = rng.choice(len(counts), 2, replace=False)
        return (starts[first] + rng.integers(counts[first]),
                starts[second] + rng.integers(counts[second]))

    def distinct(draw, available: int) -> list[tuple[int, int]]:
        if half > .5 * available:  # drawing would mostly repeat: list them all and choose
            every = [(i, j) for i in range(len(labels)) for j in range(i)
                     if (labels[order[i]] == labels[order[j]]) == (draw is same)]
            return [every[k] for k in rng.permutation(len(every))[:half]]
        found: dict[tuple[int, int], None] = {}
        while len(found) < half:
            i, j = draw()
            found.setdefault((max(i, j), min(i, j)))
        return list(found)

    pairs = np.empty((2 * half, 2), np.int64)
    pairs[0::2] = order[np.array(distinct(same, num_same))]
    pairs[1::2] = order[np.array(distinct(different, num_diff))]
    return pairs, np.arange(2 * half) % 2 == 0


@DATASETS.register_module()
class SampledPairs(PairBenchmark):
    """Seeded same and different pairs from any source, for sets that bring no pair list.

    Args:
        name: Short name of the benchmark.
        source: Config of the source.
        num_pairs: Pairs to draw, half of each kind.
        seed: Of the draw; the report states it.
        **kwargs: alignment, pipeline, decoder; see Benchmark.
    """

    def __init__(self, name: str, source, num_pairs: int = 6000, seed: int = 0, **kwargs):
        source = SOURCES.build(source) if isinstance(source, dict) else source
        pairs, is_same = sample_pairs(source.labels(), num_pairs, seed)
        super().__init__(name, source, pairs, is_same,
                         protocol_note=f'{len(pairs)} pairs drawn with seed {seed}', **kwargs)


@DATASETS.register_module()
class SampledGallery(GalleryBenchmark):
    """A seeded gallery of some images of each person, the others being probes: 1:N on any source.

    Args:
        name: Short name of the benchmark.
        source: Config of the source.
        gallery_images: Images of each person in the gallery; people with no more are not tested,
            but stay in the gallery.
        unknown: Share of the people to leave out of the gallery: their images are probes without
            mates, and the open-set rates are reported.
        seed: Of the draw; the report states it.
        **kwargs: alignment, pipeline, decoder; see Benchmark.

    Raises:
        InputError: If nobody is left to be identified.
    """

    def __init__(self, name: str, source, gallery_images: int = 1, unknown: float = 0.,
                 seed: int = 0, **kwargs):
        source = SOURCES.build(source) if isinstance(source, dict) else source
        if gallery_images < 1 or not 0 <= unknown < 1:
            raise InputError('gallery_images must be at least 1 and unknown from 0 to below 1, got '
                             f'{gallery_images} and {unknown}')
        labels = source.labels()
        rng = np.random.default_rng(seed)
        people = rng.permutation(np.unique(labels))
        strangers = people[:round(unknown * len(people))]
        gallery, probes = [], [np.flatnonzero(np.isin(labels, strangers))]
        for person in people[len(strangers):]:
            images = rng.permutation(np.flatnonzero(labels == person))
            gallery.append(images[:gallery_images])
            probes.append(images[gallery_images:])
        probes = np.sort(np.concatenate(probes))
        if not np.isin(labels[probes], people[len(strangers):]).any():
            raise InputError(f'{source}: nobody has more than {gallery_images} image(s), so nobody '
                             'can be identified')
        note = (f'{len(people) - len(strangers)} people with {gallery_images} image(s) each in the '
                f'gallery, {len(strangers)} unknown, drawn with seed {seed}')
        super().__init__(name, source, np.where(np.isin(labels, strangers), UNKNOWN, labels),
                         np.sort(np.concatenate(gallery)), {'': probes}, protocol_note=note,
                         **kwargs)
