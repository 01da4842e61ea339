"""What the fusion of a track's embeddings is worth: simulated tracks of real people.

A track is several views of one person that a camera sees as it comes nearer: sizes from small to
large in even steps of the logarithm, each view degraded and aligned with the errors of a detector.
It is compared with full-size faces of photographs that none of its views are of.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score

from lrfr_mm.analysis.real.people import FaceSet, evenly, read_faces
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional.fusion import QUALITY_POWER, fuse_track
from lrfr_mm.ops.degradations import degrade_image
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.ops.jitter import JitterDraw, jitter_images

__all__ = ['FUSIONS', 'TrackSettings', 'several_faces', 'simulate_tracks', 'track_fusion']

# Weight of each view from its size in px; None takes the largest view alone.
FUSIONS: dict[str, Callable[[np.ndarray], np.ndarray] | None] = {
    'plain mean': np.ones_like,
    'weighted by size': lambda sizes: sizes,  # as Face.quality, but for the detector's score
    'weighted by size squared': np.square,
    'weighted by size to the fourth': lambda sizes: sizes ** QUALITY_POWER,
    'largest view alone': None,
}


@dataclass(frozen=True)
class TrackSettings:
    """How tracks are simulated.

    Attributes:
        views: Views of a track.
        smallest, largest: Range of the face sizes, px.
        tracks: Tracks of each person.
        degradation: A name of ``DEGRADATIONS``.
        jitter: Errors of the alignment.
        seed: Of all that is drawn.
    """

    views: int = 8
    smallest: int = 7
    largest: int = 28
    tracks: int = 4
    degradation: str = 'camera'
    jitter: JitterDraw = field(default_factory=JitterDraw)
    seed: int = 0


def several_faces(sources: Sequence[FaceSource], most: int) -> FaceSet:
    """At most ``most`` faces of each person of several sources, evenly from each person's."""
    images, labels, people = [], [], 0
    for source in sources:
        faces = read_faces(source)
        for person in np.unique(faces.labels):
            mine = evenly(np.flatnonzero(faces.labels == person), most)
            images.append(faces.images[mine])
            labels.append(np.full(len(mine), people))
            people += 1
    return FaceSet(np.concatenate(images), np.concatenate(labels))


def simulate_tracks(images: np.ndarray, labels: np.ndarray, settings: TrackSettings
                    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of tracks of every person.

    The photographs of a track are drawn from one half of the person's (without replacement while
    there are enough); the other half is left for the references.

    Args:
        images: Aligned faces, uint8 RGB (N, H, H, 3).
        labels: Person of each, int (N,).
        settings: Of the tracks.

    Returns:
        Views, uint8 (T, V, H, H, 3); their sizes, px, (T, V); the person of each track, (T,).

    Raises:
        InputError: If a person has one face only.
    """
    sizes = np.geomspace(settings.smallest, settings.largest, settings.views).round().astype(int)
    rng = np.random.default_rng(settings.seed)
    chosen, owners = [], []
    for person in np.unique(labels):
        seen = np.flatnonzero(labels == person)[::2]
        if (labels == person).sum() < 2:
            raise InputError(f'person {person} has one face: a track and a reference need two')
        for _ in range(settings.tracks):
            chosen.append(np.concatenate([rng.permutation(seen) for _ in range(
                -(-settings.views // len(seen)))])[:settings.views])
            owners.append(person)
    order = np.array([rng.permutation(settings.views) for _ in owners])
    shown = np.stack([[degrade_image(images[i], int(sizes[k]), settings.degradation)
                       for i, k in zip(track, places, strict=True)]
                      for track, places in zip(chosen, order, strict=True)])
    flat = torch.from_numpy(shown.reshape(-1, *shown.shape[2:])).permute(0, 3, 1, 2)
    keys = sample_key(settings.seed, 0, np.arange(len(flat)))
    moved = jitter_images(flat, settings.jitter, keys).permute(0, 2, 3, 1).numpy()
    return moved.reshape(shown.shape), sizes[order], np.array(owners)


def track_fusion(embed: Callable[[np.ndarray], np.ndarray], images: np.ndarray,
                 labels: np.ndarray, settings: TrackSettings | None = None,
                 lengths: Sequence[int] = (4, 8), draws: int = 200) -> pd.DataFrame:
    """Compare ways to make one embedding of a track.

    Args:
        embed: From uint8 RGB (N, H, H, 3) to unit vectors (N, D).
        images, labels: As of :func:`simulate_tracks`.
        settings: Of the tracks.
        lengths: Numbers of views that are fused: the first ones of each track.
        draws: Resamplings of the people.

    Returns:
        A row for each length and fusion: ``auc`` of all pairs of a track and a reference, 0 to 100,
        with its 95 % interval ``low`` to ``high``; ``gain`` over the plain mean with its interval
        ``gain_low`` to ``gain_high``, both over people, who are resampled alike for all fusions.
    """
    settings = settings or TrackSettings()
    views, sizes, owners = simulate_tracks(images, labels, settings)
    vectors = embed(views.reshape(-1, *views.shape[2:])).reshape(*sizes.shape, -1)
    held_out = np.concatenate([np.flatnonzero(labels == person)[1::2]
                               for person in np.unique(labels)])
    references, of = embed(images[held_out]), labels[held_out]
    people, track_person = np.unique(owners, return_inverse=True)
    reference_person = np.searchsorted(people, of)
    same = (track_person[:, None] == reference_person).ravel()
    counts = np.random.default_rng(settings.seed).multinomial(
        len(people), np.full(len(people), 1 / len(people)), draws)
    weights = [np.ones(same.shape)] + [_pair_weights(count, track_person, reference_person, same)
                                       for count in counts if (count > 0).sum() > 1]
    rows = []
    for length in lengths:
        areas = {}
        for name, weight in FUSIONS.items():
            fused = _fuse(vectors[:, :length], sizes[:, :length], weight)
            scores = (fused @ references.T).ravel()
            areas[name] = np.array([100 * roc_auc_score(same, scores, sample_weight=counted)
                                    for counted in weights])
        for name, area in areas.items():
            gain = area - areas['plain mean']
            rows.append(dict(
                views=length, fusion=name, auc=area[0],
                **dict(zip(('low', 'high'), np.percentile(area[1:], [2.5, 97.5]), strict=True)),
                gain=gain[0], **dict(zip(('gain_low', 'gain_high'),
                                         np.percentile(gain[1:], [2.5, 97.5]), strict=True))))
    return pd.DataFrame(rows)


def _fuse(vectors: np.ndarray, sizes: np.ndarray, weight: Callable | None) -> np.ndarray:
    """One unit vector a track, (T, D), of views (T, V, D)."""
    if weight is None:
        return vectors[np.arange(len(vectors)), sizes.argmax(1)]
    return np.stack([fuse_track(track, weight(size.astype(float)))
                     for track, size in zip(vectors, sizes, strict=True)])


def _pair_weights(count: np.ndarray, one: np.ndarray, other: np.ndarray, same: np.ndarray
                  ) -> np.ndarray:
    """Weight of each pair if person p counts ``count[p]`` times; a person drawn twice brings the
    pairs inside it twice, not fourfold.
    """
    both = (count[one][:, None] * count[other]).ravel().astype(float)
    return np.where(same, np.sqrt(both), both)
