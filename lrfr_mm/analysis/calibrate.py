"""Calibrate a recognizer by face size, and check the calibration on other people."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lrfr_mm.analysis.figures.style import canvas, colour, resolution_axis, save_figure
from lrfr_mm.engine.embedding import embed_images
from lrfr_mm.evaluation.calibration import SizeCalibration
from lrfr_mm.evaluation.functional.fusion import fuse_flip
from lrfr_mm.evaluation.functional.likelihood import cllr, expected_calibration_error
from lrfr_mm.evaluation.functional.person_pairs import (
    person_pair_counts,
    person_pair_interval,
    person_pair_rate,
)
from lrfr_mm.evaluation.metrics import ImageVariant

__all__ = ['CALIBRATION_SIZES', 'check_calibration', 'embed_at_sizes', 'split_people',
           'threshold_figure']

CALIBRATION_SIZES = (7, 10, 14, 20, 28, 42, 56, 112)
_CHANCE_DRAWS = 10


def embed_at_sizes(model, images, sizes: Sequence[int] = CALIBRATION_SIZES,
                   flip_test: str = 'concat', full_size: int = 112, **settings
                   ) -> dict[int, np.ndarray]:
    """Embed every image degraded to each size (Pillow's bicubic).

    Args:
        model: A recognizer in eval mode.
        images: A dataset of aligned faces of ``full_size`` px.
        sizes: Sides, px.
        flip_test: See ``fuse_flip``; it must be that of later use.
        full_size: Side of the images, px: this size is the image as it is.
        **settings: ``batch_size``, ``num_workers``; see ``embed_images``.

    Returns:
        Size to unit vectors, float32 (N, D).
    """
    mirrors = (False,) if flip_test == 'none' else (False, True)
    variants = {size: [ImageVariant(None if size >= full_size else size, mirrored)
                       for mirrored in mirrors] for size in sizes}
    found = embed_images(model, images, [v for group in variants.values() for v in group],
                         **settings)
    return {size: fuse_flip(found[group[0]], found[group[-1]], flip_test)
            for size, group in variants.items()}


def split_people(identities: np.ndarray, share: float = .5, seed: int = 0
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the images of two groups of people, the first with ``share`` of them."""
    people = np.random.default_rng(seed).permutation(np.unique(identities))
    chosen = np.isin(identities, people[:round(share * len(people))])
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def check_calibration(calibration: SizeCalibration, embeddings: dict[int, np.ndarray],
                      identities: np.ndarray, far: float = .01, seed: int = 0) -> list[dict]:
    """Measure on other people what a calibration promises.

    Args:
        calibration: Learned from people that are not among these.
        embeddings: Size to unit vectors (N, D).
        identities: Of the N images.
        far: The false-accept rate to check.
        seed: Of the pairs that the calibration error is measured on.

    Returns:
        One dict a pair of sizes: ``small``, ``large`` (px), ``threshold``; ``far`` as measured,
        with the 95 % interval ``far_low`` to ``far_high`` of these people's rate;
        ``expected_low`` to ``expected_high``, the interval in which the measured rate is expected
        at 95 %, and ``inside``, whether it lies there; ``frr`` as measured and ``frr_promised``;
        ``ece`` (expected calibration error of the posterior at equal priors), ``ece_by_chance``,
        what it would be on as many independent pairs if every probability were right, and ``cllr``
        (bits).
    """
    _, codes = np.unique(identities, return_inverse=True)
    people = int(codes.max()) + 1
    rows, columns = np.triu_indices(len(codes), 1)
    first, second = codes[rows], codes[columns]
    same = first == second
    compared = person_pair_counts(first[~same], second[~same], people)
    pairs_of_people = int((compared > 0).sum()) // 2
    rng = np.random.default_rng(seed)
    out = []
    for (i, j), cell in sorted(calibration.cells.items(), key=lambda item: item[0][::-1]):
        small, large = calibration.sizes[i], calibration.sizes[j]
        scores = np.einsum('nd,nd->n', embeddings[small][rows], embeddings[large][columns],
                           dtype=np.float64)
        threshold = calibration.threshold((small, large), far)
        wrong = ~same & (scores > threshold)
        measured, error = person_pair_rate(person_pair_counts(first[wrong], second[wrong], people),
                                           compared)
        low, high = person_pair_interval(measured, error, people, pairs_of_people)
        if not wrong.any():  # no error can be read off: that of independent pairs of people
            error = np.sqrt(far * (1 - far) / pairs_of_people)
        below, above = _expected(far, (cell.far_error_at(threshold), error),
                                 min(people, cell.people))
        # As many pairs of each kind: the posterior at equal priors is a share to compare with.
        count = min(int(same.sum()), 5000)
        chosen = np.concatenate([rng.choice(np.flatnonzero(kind), count, replace=False)
                                 for kind in (same, ~same)])
        ratios = calibration.llr(scores[chosen], (small, large))
        said = 1 / (1 + np.exp(-ratios))
        chance = [expected_calibration_error(said, rng.random(len(said)) < said)
                  for _ in range(_CHANCE_DRAWS)]
        out.append(dict(
            small=small, large=large, threshold=threshold,
            far=measured, far_low=float(low), far_high=float(high),
            expected_low=below, expected_high=above, inside=bool(below <= measured <= above),
            frr=float((scores[same] <= threshold).mean()), frr_promised=cell.frr_at(threshold),
            ece=float(expected_calibration_error(said, same[chosen])),
            ece_by_chance=float(np.mean(chance)),
            cllr=float(cllr(ratios, same[chosen]))))
    return out


def _expected(rate: float, errors: tuple[float, float], people: int) -> tuple[float, float]:
    """95 % interval of a measured rate whose threshold was set for ``rate`` on other people.

    Args:
        rate: The wanted rate.
        errors: Standard errors over the people that set the threshold, and over those measured.
        people: Of the smaller of the two groups.
    """
    from scipy.stats import t  # takes a second to import
    reach = float(t.isf(.025, max(people - 1, 1)) * np.hypot(*errors))
    return max(0., rate - reach), min(1., rate + reach)


def threshold_figure(calibration: SizeCalibration, out: Path, fars: Sequence[float] = (.1, .01,
                                                                                       .001)
                     ) -> Path:
    """Threshold and false-reject rate against the size of the smaller face; PNG, SVG and CSV.

    The larger face has the same size (solid) or the largest one (dashed). Rates that the data do
    not support are left out.
    """
    sizes, table = calibration.sizes, []
    with canvas(1, 2, width=4.8, height=3.6) as (figure, axes):
        for k, far in enumerate(fars):
            if far < calibration.finest_far():
                continue
            for style, larger in (('-', None), ('--', sizes[-1])):
                decisions = [calibration.decide(0., (size, larger or size), far) for size in sizes]
                label = f'FAR {far:g}' if larger is None else None
                axes[0, 0].plot(sizes, [d.threshold for d in decisions], style, color=colour(k),
                                marker='o', markersize=3.5, label=label)
                axes[0, 1].plot(sizes, [100 * d.frr for d in decisions], style, color=colour(k),
                                marker='o', markersize=3.5, label=label)
                table += [(far, size, larger or size, d.threshold, d.frr, *d.far_interval)
                          for size, d in zip(sizes, decisions, strict=True)]
        for panel, title in ((axes[0, 0], 'threshold (cosine)'),
                             (axes[0, 1], 'pairs of one person that are missed, %')):
            resolution_axis(panel, sizes)
            panel.set_xlabel('smaller face, px')
            panel.set_ylabel(title)
        axes[0, 0].plot([], [], '-', color='#5f6368', label='both of this size')
        axes[0, 0].plot([], [], '--', color='#5f6368', label=f'against {sizes[-1]} px')
        axes[0, 0].legend()
        return save_figure(figure, ('far', 'smaller', 'larger', 'threshold', 'frr', 'far_low',
                                    'far_high'), table, out, 'thresholds')
