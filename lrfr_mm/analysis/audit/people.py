"""People that two sets share, by their names and by their embeddings."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np

from lrfr_mm.datasets.decode import decode
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError, InputMissingError, reading

__all__ = ['people_means', 'shared_by_embedding', 'shared_by_name', 'shared_people']


def _plain(name: str) -> str:
    return re.sub(r'[\W_]+', ' ', name).strip().casefold()


def shared_by_name(train: FaceSource, test: FaceSource) -> list[str] | None:
    """People of both sets by their names, whatever case, blanks and underscores; None where one of
    the sets has no names.
    """
    if not train.people or not test.people:
        return None
    known = {_plain(name) for name in train.people}
    return sorted(name for name in test.people if _plain(name) in known)


def shared_by_embedding(train: np.ndarray, test: np.ndarray, threshold: float,
                        chunk: int = 4096) -> list[tuple[int, int, float]]:
    """Pairs of people whose mean embeddings are alike.

    Args:
        train: Unit vectors, one a person, (P, D).
        test: Likewise, (Q, D).
        threshold: Least cosine.
        chunk: People of ``train`` compared at a time.

    Returns:
        ``(train person, test person, cosine)``, each test person's best one, most alike first.
    """
    best, score = np.zeros(len(test), int), np.full(len(test), -np.inf)
    for start in range(0, len(train), chunk):
        scores = test @ train[start:start + chunk].T
        here = scores.argmax(1)
        value = scores[np.arange(len(test)), here]
        better = value > score
        best[better], score[better] = start + here[better], value[better]
    order = np.argsort(-score)
    return [(int(best[k]), int(k), float(score[k])) for k in order if score[k] >= threshold]


def people_means(embed: Callable[[Iterable[np.ndarray]], np.ndarray], source: FaceSource,
                 images: int) -> np.ndarray:
    """Mean embedding of each person.

    Args:
        embed: From uint8 RGB faces (112, 112, 3) to unit vectors float32 (N, D).
        source: The people.
        images: Of each person, the first that can be read.

    Returns:
        float32 (num_classes, D), of length 1; zeros for a person without a readable image.
    """
    labels = source.labels()
    order = np.argsort(labels, kind='stable')
    numbers, starts = np.unique(labels[order], return_index=True)
    owners = []

    def faces() -> Iterator[np.ndarray]:
        for person, positions in zip(numbers, np.split(order, starts[1:]), strict=True):
            readable = filter(lambda image: image is not None,
                              (_read(source, int(i)) for i in positions))
            for image in islice(readable, images):
                owners.append(int(person))
                yield image

    vectors = embed(faces())
    means = np.zeros((source.num_classes, vectors.shape[1]), np.float32)
    np.add.at(means, owners, vectors)
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)


def _read(source: FaceSource, index: int) -> np.ndarray | None:
    """The decoded image, or None where it cannot be read (the scan has counted it)."""
    try:
        with reading(f'image {index}'):
            data, _ = source.read(index)
            return data if isinstance(data, np.ndarray) else decode(data)
    except (InputError, InputMissingError):
        return None


def shared_people(train: FaceSource, test: FaceSource, embed: Callable | None = None,
                  images: int = 10, threshold: float = .6) -> dict:
    """People of ``test`` that are in ``train``, as JSON values.

    Args:
        train, test: The two sets.
        embed: See :func:`people_means`; None compares names only.
        images: Of each person, to embed.
        threshold: Least cosine of one person's two means.

    Returns:
        ``against``, ``by_name`` (names, or None where a set has none), and with ``embed``
        ``threshold`` and ``by_embedding`` (``train``, ``test``, ``cosine`` of each).
    """
    shared = dict(against=repr(test), by_name=shared_by_name(train, test))
    if embed is not None:
        means = [people_means(embed, source, images) for source in (train, test)]
        names = [source.people or list(map(str, range(source.num_classes)))
                 for source in (train, test)]
        shared.update(threshold=threshold, by_embedding=[
            dict(train=names[0][a], test=names[1][b], cosine=cosine)
            for a, b, cosine in shared_by_embedding(*means, threshold)])
    return shared
