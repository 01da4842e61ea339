"""A large gallery: recall, latency, memory, and what writes cost."""
from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.benchmark.data import private_bytes
from lrfr_mm.analysis.benchmark.timing import Result
from lrfr_mm.registry import GALLERIES

__all__ = ['benchmark_gallery', 'drawn_people']

_AT_ONCE = 10_000  # people of one transaction
_GROUPS = 100
_TIMED = 200  # searches
_PROBES = {'cosine 0.7': .7, 'cosine 0.5': .5, 'cosine 0.3': .3, 'strangers': 0.}


def drawn_people(people: int, pictures: int, dims: int, seed: int = 0
                 ) -> Iterator[tuple[int, np.ndarray]]:
    """Embeddings as a recognizer gives them: people in groups that look alike, and pictures
    around each person.

    A person has a cosine of about 0.6 to the centre of one of 100 groups, a picture one of about
    0.8 to the person.

    Yields:
        Number of the first person, and float32 unit vectors (M, pictures, dims) of the next M.
    """
    rng = np.random.default_rng(seed)
    groups = _unit(rng.standard_normal((_GROUPS, dims), dtype=np.float32))
    for first in range(0, people, _AT_ONCE):
        count = min(_AT_ONCE, people - first)
        own = _unit(rng.standard_normal((count, dims), dtype=np.float32))
        centres = _unit(.6 * groups[rng.integers(0, _GROUPS, count)] + .8 * own)
        noise = _unit(rng.standard_normal((count, pictures, dims), dtype=np.float32))
        yield first, _unit(.8 * centres[:, None] + .6 * noise)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _gallery(*arguments, **options):
    """A SQLiteGallery, by its name in the registry: it belongs to the rooms above this one."""
    return GALLERIES.get('SQLiteGallery')(*arguments, **options)


def benchmark_gallery(people: int = 250_000, pictures: int = 4, dims: int = 192, probes: int = 1000,
                      folder: str | None = None, seconds: float = 20.) -> list[Result]:
    """Fill a :class:`SQLiteGallery` and search it, each index in a process of its own.

    Args:
        people: Enrolled people.
        pictures: Embeddings of each.
        dims: Length of the embeddings.
        probes: Of each kind: noisy copies of enrolled pictures at three cosines, and strangers.
        folder: Where to write the gallery; a temporary folder by default.
        seconds: How long readers search while another process writes.

    Returns:
        People enrolled a second, and bytes on the disk. For each index: seconds until the first
        answer and memory; milliseconds of a search, and of an enrolment, an update and a deletion
        with the search that follows it. Of the compressed one also the recall at 1 against a
        comparison with all embeddings, and the searches of two processes while a third writes.
    """
    with tempfile.TemporaryDirectory(dir=folder) as root:
        results = [_fill(root, people, pictures, dims)]
        drawn, nearest = _probes(people, pictures, dims, probes)
        for index in ('exact', 'compressed'):
            results += _in_a_process(partial(_search, root, index, drawn, nearest))
            results += _in_a_process(partial(_write, root, index, dims))
        return [*results, _readers(root, drawn, seconds)]


def _in_a_process(function: Callable[[], list[Result]]) -> list[Result]:
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(function)


def _fill(root: str, people: int, pictures: int, dims: int) -> Result:
    gallery, took = _gallery(root, dims), 0.
    for first, vectors in drawn_people(people, pictures, dims):
        begin = time.perf_counter()
        gallery.enrol_many((f'person {first + k}', faces) for k, faces in enumerate(vectors))
        took += time.perf_counter() - begin
    gallery.close()
    size = sum(path.stat().st_size for path in Path(root).iterdir())
    return Result(f'enrol {people:,} people with {pictures} embeddings of {dims}', people / took,
                  'people/s', {'took': f'{took:.0f} s', 'on the disk': f'{size / 1e6:.0f} MB'})


def _probes(people: int, pictures: int, dims: int, count: int
            ) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Probes of each kind (count, dims), and the names of their nearest people."""
    rng = np.random.default_rng(1)
    chosen = {kind: rng.integers(0, people, count) for kind in _PROBES}
    drawn = {kind: _unit(rng.standard_normal((count, dims), dtype=np.float32)) for kind in _PROBES}
    for first, vectors in drawn_people(people, pictures, dims):
        for kind, cosine in _PROBES.items():
            here = np.flatnonzero((chosen[kind] >= first) & (chosen[kind] < first + len(vectors)))
            target = vectors[chosen[kind][here] - first, 0]
            noise = np.sqrt(1 - cosine ** 2) * drawn[kind][here]
            drawn[kind][here] = _unit(cosine * target + noise)
    best = {kind: np.full(count, -np.inf) for kind in _PROBES}
    name = {kind: np.zeros(count, np.int64) for kind in _PROBES}
    for first, vectors in drawn_people(people, pictures, dims):
        for kind, embeddings in drawn.items():
            scores = embeddings @ vectors.reshape(-1, dims).T
            at = scores.argmax(1)
            score = scores[np.arange(count), at]
            name[kind] = np.where(score > best[kind], first + at // pictures, name[kind])
            best[kind] = np.maximum(score, best[kind])
    return drawn, {kind: [f'person {k}' for k in numbers] for kind, numbers in name.items()}


def _milliseconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - begin)


def _spread(times: list[float]) -> dict[str, str]:
    return {'p95': f'{np.percentile(times, 95):.1f} ms', 'of': len(times)}


def _search(root: str, index: str, drawn: dict, nearest: dict) -> list[Result]:
    before = private_bytes()
    gallery = _gallery(root, index=index, audit=False)
    every = np.concatenate(list(drawn.values()))
    first = _milliseconds(lambda: gallery.search(every[:1], 1)) / 1e3
    results = [Result(f'{index}: opening until the first answer', first, 's', {
        'memory': f'{(private_bytes() - before) / 2 ** 20:.0f} MiB'})]
    times = [_milliseconds(lambda probe=probe: gallery.search(probe, 1))
             for probe in every[::max(1, len(every) // _TIMED)]]
    results.append(Result(f'{index}: search, one probe, p50', float(np.median(times)), 'ms',
                          _spread(times)))
    if index == 'exact':
        return results
    for kind, probes in drawn.items():
        found = [row[0].person for row in gallery.search(probes, 1)]
        right = sum(a == b for a, b in zip(found, nearest[kind], strict=True))
        results.append(Result(f'{index}: recall at 1, {kind}', right / len(probes), '',
                              {'missed': f'{len(probes) - right} of {len(probes)}'}))
    return results


def _write(root: str, index: str, dims: int, count: int = 50) -> list[Result]:
    """Enrol people, change their pictures, delete them; each followed by a search."""
    gallery = _gallery(root, index=index)
    _, vectors = next(drawn_people(2 * count, 4, dims, seed=2))
    gallery.search(vectors[0, :1], 1)
    changes = {'enrol': lambda k: gallery.enrol(f'new {k}', vectors[k]),
               'update': lambda k: gallery.update(f'new {k}', vectors[count + k]),
               'delete': lambda k: gallery.delete(f'new {k}')}
    results = []
    for name, change in changes.items():
        writes, searches = [], []
        for k in range(count):
            writes.append(_milliseconds(partial(change, k)))
            searches.append(_milliseconds(lambda k=k: gallery.search(vectors[k, :1], 1)))
        results.append(Result(f'{index}: {name} a person, p50', float(np.median(writes)), 'ms', {
            **_spread(writes), 'the next search': f'{np.median(searches):.1f} ms'}))
    return results


def _readers(root: str, drawn: dict, seconds: float, readers: int = 2) -> Result:
    """Searches of several processes while this one enrols and deletes a person in turn."""
    every, written = np.concatenate(list(drawn.values())), 0
    context = multiprocessing.get_context('spawn')
    with context.Manager() as manager, context.Pool(readers) as pool:
        opened, start = manager.Semaphore(0), manager.Event()
        jobs = [pool.apply_async(_read, (root, every, opened, start, seconds))
                for _ in range(readers)]
        for _ in jobs:
            opened.acquire()
        gallery = _gallery(root)
        start.set()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            gallery.enrol('visitor', every[:4])
            gallery.delete('visitor')
            written += 2
        times = [t for job in jobs for t in job.get()]
    return Result(f'compressed: search of {readers} processes while one writes, p50',
                  float(np.median(times)), 'ms', {**_spread(times),
                                                  'writes a second': written / seconds})


def _read(root: str, probes: np.ndarray, opened, start, seconds: float) -> list[float]:
    gallery = _gallery(root, index='compressed', audit=False)
    gallery.search(probes[:1], 1)
    opened.release()
    start.wait()
    end, times = time.perf_counter() + seconds, []
    while time.perf_counter() < end:
        times.append(_milliseconds(lambda: gallery.search(probes[len(times) % len(probes)], 1)))
    return times
