"""What a recognizer is worth on photographs in which the face has r px.

Published accuracies at r px are of aligned crops that were shrunk. Here the photograph is shrunk
until its face has r px; then the face is found, aligned and embedded as it would be in use. The
difference from the crops says what is lost where.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from lrfr_mm.analysis.figures.style import canvas, colour, resolution_axis, save_figure
from lrfr_mm.datasets.alignment import Detection, FaceDetector, build_detector
from lrfr_mm.datasets.alignment.aligner import choose_face
from lrfr_mm.datasets.decode import decode
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.functional import auc, tar_at_far
from lrfr_mm.ops.align import fit_template, warp_face
from lrfr_mm.registry import SOURCES

__all__ = ['CHAIN_SIZES', 'DEFAULT_POLICIES', 'Policy', 'both_policies', 'chain_figure',
           'photograph_chain']

CHAIN_SIZES = (7, 10, 14, 20, 28, 56)
_FEW = 10  # found faces: an AUC over fewer says nothing
_MISALIGNED = .1  # landmarks off by more than this share of the eye distance


@dataclass
class Policy:
    """A way to find faces.

    Attributes:
        name: For the table.
        detector: Config of a registered detector, or a detector.
    """

    name: str
    detector: dict | FaceDetector


def both_policies(detector: str) -> tuple[Policy, Policy]:
    """A registered detector alone, and on the picture enlarged in tiles as well."""
    name = detector.removesuffix('Detector')
    return (Policy(name, dict(type=detector)),
            Policy(f'{name}, tiles x2 x4 x8', dict(type='TiledDetector', factors=(2, 4, 8),
                                                   detector=dict(type=detector))))


DEFAULT_POLICIES = both_policies('MTCNNDetector')


@dataclass
class _Photograph:
    """A photograph with the landmarks that the reference detector found at full size."""

    image: np.ndarray
    landmarks: np.ndarray
    side: float  # px of the photograph that the aligned face shows
    label: int


def photograph_chain(embedder, root: str, policies: Sequence[Policy] = DEFAULT_POLICIES,
                     sizes: Sequence[int] = CHAIN_SIZES, far: float = .01,
                     reference: dict | FaceDetector | None = None, progress: bool = True
                     ) -> pd.DataFrame:
    """Measure the whole way from photographs at every face size.

    Each shrunken photograph is a probe; it is compared with the full-size faces of all other
    photographs. A probe whose face is not found scores below every threshold.

    Args:
        embedder: An :class:`~lrfr_mm.apis.Embedder`, or anything with ``size`` and ``embed``.
        root: Photographs, one folder a person.
        policies: Ways to find the faces.
        sizes: Sides of the faces in the shrunken photographs, px, as ``Face.size`` counts them.
        far: False-accept rate of the accept rates in the table.
        reference: Detector of the full-size photographs; MTCNN by default. Photographs in which it
            finds nothing are left out.
        progress: Show a bar.

    Returns:
        A row for each size and policy: ``found`` (share of the faces that were found), ``aligned``
        (share of the found ones whose landmarks are within a tenth of the eye distance),
        ``landmark_error`` (median, in eye distances), and, each as AUC and as accept rate at
        ``far``: ``crop`` (aligned by the true landmarks: what shrinking alone costs),
        ``found_only`` (over the found faces), ``chain`` (over all photographs). Rates from 0 to 1.
        Rows with size 0 hold the full-size photographs.

    Raises:
        InputError: If fewer than two people have usable photographs.
    """
    finder = build_detector(reference or dict(type='MTCNNDetector'))
    photographs, missing = _photographs(finder, root, embedder.size)
    labels = np.array([photograph.label for photograph in photographs])
    if len(np.unique(labels)) < 2 or len(np.unique(labels)) == len(labels):
        raise InputError(f'{root}: at least two people, one of them with two photographs in which '
                         f'a face is found, are needed ({missing} photographs have none)')
    full = _embed(embedder, [warp_face(p.image, p.landmarks, embedder.size) for p in photographs])
    rows = [dict(size=0, policy='', found=1., aligned=1., landmark_error=0., photographs=len(full),
                 left_out=missing, **_rates('crop', full, full, labels, far))]
    detectors = [build_detector(policy.detector) for policy in policies]
    with tqdm(total=len(sizes) * len(photographs), unit='photograph', disable=not progress) as bar:
        for size in sizes:
            crops, found = [], [[] for _ in policies]
            for photograph in photographs:
                small, truth = _shrink(photograph, size)
                crops.append(warp_face(small, truth, embedder.size))
                for detector, faces in zip(detectors, found, strict=True):
                    faces.append(_find(detector, small, truth))
                bar.update()
            ideal = _embed(embedder, crops)
            for policy, faces in zip(policies, found, strict=True):
                rows.append(_row(embedder, policy, size, photographs, faces, ideal, full, labels,
                                 far))
    return pd.DataFrame(rows)


def _photographs(finder: FaceDetector, root: str, size: int) -> tuple[list[_Photograph], int]:
    source = SOURCES.build(dict(type='FolderFaces', root=root))
    kept, missing = [], 0
    for index in range(len(source)):
        data, label = source.read(index)
        try:
            image = decode(data, 'cv2')
        except InputError as error:
            raise InputError(f'{root}/{source.name(index)}: {error}') from None
        faces = finder.detect(image)
        if not faces:
            missing += 1
            continue
        face = choose_face(faces, image.shape[1], image.shape[0])
        matrix, _ = fit_template(face.landmarks, size)
        kept.append(_Photograph(image, face.landmarks, size / float(np.hypot(*matrix[:, 0])),
                                label))
    return kept, missing


def _shrink(photograph: _Photograph, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The photograph with a face of ``size`` px (Pillow's bicubic), and its true landmarks."""
    ratio = size / photograph.side
    if ratio >= 1:
        return photograph.image, photograph.landmarks
    height, width = photograph.image.shape[:2]
    shape = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small = np.asarray(Image.fromarray(photograph.image).resize(shape, Image.Resampling.BICUBIC))
    # Pixel k has its centre at k + 1/2.
    return small, (photograph.landmarks + .5) * (np.array(shape) / [width, height]) - .5


def _find(detector: FaceDetector, image: np.ndarray, truth: np.ndarray
          ) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Landmarks of what the detector finds nearest to the true face, their error in eye distances,
    and the image; None if it finds nothing there.
    """
    eyes = float(np.linalg.norm(truth[0] - truth[1]))

    def error(face: Detection) -> float:
        return float(np.linalg.norm(face.landmarks - truth, axis=1).mean()) / eyes

    faces = [face for face in detector.detect(image) if np.ptp(face.landmarks, 0).max() > 1e-6]
    best = min(faces, key=error, default=None)
    if best is None or error(best) > 1:  # more than an eye distance off: another face, or none
        return None
    return best.landmarks, error(best), image


def _row(embedder, policy: Policy, size: int, photographs: list[_Photograph], faces: list,
         ideal: np.ndarray, full: np.ndarray, labels: np.ndarray, far: float) -> dict:
    there = np.array([face is not None for face in faces])
    errors = np.array([face[1] for face in faces if face is not None])
    vectors = np.full_like(full, np.nan)
    if there.any():
        vectors[there] = _embed(embedder, [warp_face(face[2], face[0], embedder.size)
                                           for face in faces if face is not None])
    return dict(
        size=size, policy=policy.name, found=float(there.mean()),
        aligned=float((errors <= _MISALIGNED).mean()) if there.any() else float('nan'),
        landmark_error=float(np.median(errors)) if there.any() else float('nan'),
        photographs=len(photographs), **_rates('crop', ideal, full, labels, far),
        **_rates('found_only', vectors, full, labels, far, only=there),
        **_rates('chain', vectors, full, labels, far))


def _embed(embedder, images: list[np.ndarray]) -> np.ndarray:
    return np.asarray(embedder.embed(images), np.float64)


def _rates(name: str, probes: np.ndarray, gallery: np.ndarray, labels: np.ndarray, far: float,
           only: np.ndarray | None = None) -> dict:
    """AUC and accept rate over all pairs of a probe and another photograph at full size."""
    scores = probes @ gallery.T
    scores[np.isnan(scores)] = -1.  # not found: below every threshold
    same = labels[:, None] == labels
    use = ~np.eye(len(labels), dtype=bool)
    if only is not None:
        use &= only[:, None]
    scores, same = scores[use], same[use]
    if same.all() or not same.any():
        return {f'{name}_auc': float('nan'), f'{name}_tar': float('nan')}
    return {f'{name}_auc': float(auc(scores, same)),
            f'{name}_tar': float(tar_at_far(scores, same, (far,))[far])}


def chain_figure(table: pd.DataFrame, out: Path) -> Path:
    """Share of faces found, and AUC of crops and of the chain, against face size.

    The AUC over the found faces alone is drawn where at least ten were found.
    """
    rows = table[table['size'] > 0]
    sizes = sorted(rows['size'].unique())
    with canvas(1, 2, width=4.8, height=3.6) as (figure, axes):
        crop = rows.groupby('size').crop_auc.first()
        axes[0, 1].plot(sizes, 100 * crop[sizes], '-', color='#1f2328', marker='o', markersize=3.5,
                        label='crops, aligned by the true landmarks')
        for k, (policy, part) in enumerate(rows.groupby('policy', sort=False)):
            part = part.set_index('size').loc[sizes]
            several = part.found * part.photographs >= _FEW
            axes[0, 0].plot(sizes, 100 * part.found, color=colour(k), marker='o', markersize=3.5)
            axes[0, 1].plot(sizes, 100 * part.chain_auc, color=colour(k), marker='o',
                            markersize=3.5, label=policy)
            axes[0, 1].plot(sizes, 100 * part.found_only_auc.where(several), ':', color=colour(k))
        axes[0, 1].plot([], [], ':', color='#5f6368', label='over the found faces only')
        for panel, title in ((axes[0, 0], 'faces found, %'),
                             (axes[0, 1], 'AUC against full-size faces, %')):
            resolution_axis(panel, sizes)
            panel.set_xlabel('face in the photograph, px')
            panel.set_ylabel(title)
        figure.legend(*axes[0, 1].get_legend_handles_labels(), loc='upper center', ncols=3,
                      bbox_to_anchor=(.5, 0.))
        return save_figure(figure, list(rows.columns), rows.itertuples(index=False), out,
                           'photograph_chain')
