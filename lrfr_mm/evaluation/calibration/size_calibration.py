"""Thresholds, likelihood ratios and error rates for every pair of face sizes."""
from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrfr_mm.errors import InputError, InputMissingError, reading
from lrfr_mm.evaluation.calibration.cell import CalibrationCell
from lrfr_mm.files import write_text

__all__ = ['Decision', 'SizeCalibration']

_VERSION = 2


@dataclass(frozen=True)
class Decision:
    """A verdict on two faces and what is known of its errors.

    Attributes:
        match: Whether the score is above the threshold.
        score: Cosine similarity.
        sizes: Sizes of the smaller and the larger face, px.
        threshold: For the wanted false-accept rate at these sizes.
        far: The wanted false-accept rate.
        far_interval: Its 95 % interval over people.
        frr: Share of pairs of one person that this threshold rejects at these sizes.
        llr: Natural log-likelihood ratio of the score: how many times (exp) more probable it is for
            one person than for two.
    """

    match: bool
    score: float
    sizes: tuple[float, float]
    threshold: float
    far: float
    far_interval: tuple[float, float]
    frr: float
    llr: float

    def probability(self, prior: float = .5) -> float:
        """Probability that both are one person, given the probability before the comparison."""
        if not 0 < prior < 1:
            raise ValueError(f'prior must be between 0 and 1, got {prior}')
        odds = np.exp(self.llr) * prior / (1 - prior)
        return float(odds / (1 + odds))

    def in_words(self) -> str:
        """Two sentences for a person who has to act on the decision."""
        small, large = self.sizes
        low, high = (1e4 * end for end in self.far_interval)
        missed = 'fewer than 1' if self.frr < .005 else f'about {100 * self.frr:.0f}'
        verdict = 'Same person' if self.match else 'Not confirmed as the same person'
        ratio = np.exp(abs(self.llr))
        side = 'one person than for two' if self.llr >= 0 else 'two people than for one'
        return (f'{verdict}: similarity {self.score:.3f}, threshold {self.threshold:.3f} for faces '
                f'of {small:.0f} and {large:.0f} px. Of 10,000 pairs of different people about '
                f'{1e4 * self.far:.0f} are accepted wrongly (95 % interval {low:.0f} to '
                f'{high:.0f}), and of 100 pairs of one person {missed} are missed. This similarity '
                f'is {ratio:.3g} times as probable for {side}.')


class SizeCalibration:
    """What scores mean at every pair of face sizes.

    A cell of the grid holds the curves of one pair of sizes (:class:`CalibrationCell`). Between the
    sizes of the grid thresholds, rates and ratios are interpolated bilinearly in log size. A face
    larger than the largest size counts as that size; a face smaller than the smallest has not been
    measured and is refused.

    Args:
        sizes: Sides of the faces, px, ascending.
        cells: ``(i, j)`` with i <= j, positions in ``sizes``, to the cell.
        fingerprint: Of the recognizer whose scores these are.
        source: What the calibration was measured on, for reports.
    """

    def __init__(self, sizes, cells: Mapping[tuple[int, int], CalibrationCell],
                 fingerprint: str = '', source: str = ''):
        self.sizes = tuple(sorted(int(size) for size in sizes))
        self.cells, self.fingerprint, self.source = dict(cells), fingerprint, source
        wanted = {(i, j) for j in range(len(self.sizes)) for i in range(j + 1)}
        if set(self.cells) != wanted or not self.sizes:
            raise ValueError(f'{len(wanted)} cells are needed for the sizes {self.sizes}, got '
                             f'{len(self.cells)}')

    @classmethod
    def fit(cls, embeddings: Mapping[int, np.ndarray], identities: np.ndarray,
            method: str = 'isotonic', max_pairs: int = 400_000, seed: int = 0, **described
            ) -> SizeCalibration:
        """Learn from the embeddings of the same faces at several sizes.

        All pairs of different images are compared (up to ``max_pairs`` non-mated ones a cell, drawn
        with ``seed``); two sizes of one image never are.

        Args:
            embeddings: Size in px to unit vectors (N, D).
            identities: Of the N images, int.
            method: See :meth:`CalibrationCell.fit`.
            max_pairs: Bound on the non-mated pairs of a cell.
            seed: Of the drawn pairs.
            **described: ``fingerprint`` and ``source``.
        """
        identities = np.asarray(identities)
        sizes, cells = sorted(embeddings), {}
        rows, columns = np.triu_indices(len(identities), 1)
        same = identities[rows] == identities[columns]
        keep = np.flatnonzero(~same)
        if len(keep) > max_pairs:
            keep = np.sort(np.random.default_rng(seed).choice(keep, max_pairs, replace=False))
        keep = np.concatenate([np.flatnonzero(same), keep])
        rows, columns = rows[keep], columns[keep]
        for j, large in enumerate(sizes):
            for i, small in enumerate(sizes[:j + 1]):
                one, two = embeddings[small], embeddings[large]
                scores = _row_products(one, two, rows, columns)
                first, second = identities[rows], identities[columns]
                if i < j:  # either image of a pair may be the small one
                    scores = np.concatenate([scores, _row_products(one, two, columns, rows)])
                    first, second = np.tile(first, 2), np.tile(second, 2)
                cells[i, j] = CalibrationCell.fit(scores, first, second, method)
        return cls(sizes, cells, **described)

    def _corners(self, sizes) -> tuple[tuple[float, float], list[tuple[float, CalibrationCell]]]:
        """Sizes, smaller first, clipped to the grid; up to four cells with their weights."""
        small, large = float(np.min(sizes)), float(np.max(sizes))  # NaN if either is
        if not small >= self.sizes[0]:
            raise InputError(f'a face of {small:g} px is below the smallest calibrated size, '
                             f'{self.sizes[0]} px: no error rate is known for it')
        axis = np.log(self.sizes)
        parts = []
        for size in (small, large):
            position = float(np.interp(np.log(size), axis, np.arange(len(axis))))
            base = min(int(position), len(axis) - 1)
            parts.append([(base, 1 - (position - base))] + (
                [(base + 1, position - base)] if position > base else []))
        corners = [(u * v, self.cells[min(i, j), max(i, j)])
                   for i, u in parts[0] for j, v in parts[1]]
        return (min(small, self.sizes[-1]), min(large, self.sizes[-1])), corners

    def finest_far(self) -> float:
        """Lowest false-accept rate that the data support at every size."""
        return max(cell.finest_far for cell in self.cells.values())

    def threshold(self, sizes, far: float) -> float:
        """Threshold for a false-accept rate.

        Args:
            sizes: Sides of the two faces in their pictures, px, in any order.
            far: Wanted rate, 0 to 1.

        Raises:
            InputError: If the data are too few for the rate, or a face is smaller than all that
                were measured.
        """
        if not 0 < far <= 1:
            raise InputError(f'a false-accept rate must be above 0 and at most 1, got {far:g}')
        _, corners = self._corners(sizes)
        try:
            return sum(weight * cell.threshold_at(far) for weight, cell in corners)
        except ValueError as error:
            raise InputError(str(error)) from None

    def llr(self, score: float | np.ndarray, sizes) -> float | np.ndarray:
        """Natural log-likelihood ratio of each score at one pair of sizes."""
        return sum(weight * cell.llr_at(score) for weight, cell in self._corners(sizes)[1])

    def decide(self, score: float, sizes, far: float = 1e-3) -> Decision:
        """Verdict on a pair of faces at a wanted false-accept rate; arguments as above."""
        threshold = self.threshold(sizes, far)
        clipped, corners = self._corners(sizes)
        rates = np.array([cell.far_at(cell.threshold_at(far)) for _, cell in corners])
        weights = np.array([weight for weight, _ in corners])
        low, high = (weights @ rates)[1:]
        frr = sum(weight * cell.frr_at(threshold) for weight, cell in corners)
        return Decision(score > threshold, float(score), clipped, threshold, far,
                        (float(low), float(high)), float(frr), float(self.llr(score, sizes)))

    def table(self, fars=(1e-2, 1e-3)) -> list[dict]:
        """One row for each pair of sizes: thresholds and false-reject rates at ``fars``; None where
        the data are too few.
        """
        rows = []
        for (i, j), cell in sorted(self.cells.items()):
            row = dict(small=self.sizes[i], large=self.sizes[j], people=cell.people)
            for far in fars:
                known = cell.finest_far <= far
                threshold = cell.threshold_at(far) if known else None
                row[f'threshold@{far:g}'] = threshold
                row[f'frr@{far:g}'] = cell.frr_at(threshold) if known else None
            rows.append(row)
        return rows

    def save(self, path: str | Path) -> None:
        """Write JSON, whole or not at all."""
        write_text(path, json.dumps(dict(
            version=_VERSION, sizes=self.sizes, fingerprint=self.fingerprint, source=self.source,
            cells=[dict(i=i, j=j, **cell.to_dict()) for (i, j), cell in
                   sorted(self.cells.items())])))

    @classmethod
    def load(cls, path: str | Path, fingerprint: str | None = None) -> SizeCalibration:
        """Read what :meth:`save` wrote.

        Args:
            path: The JSON file.
            fingerprint: Of the recognizer in use; None not to compare.

        Raises:
            InputMissingError: If the file is not there.
            InputError: If it is not a calibration, or one of another recognizer.
        """
        if not Path(path).is_file():
            raise InputMissingError(f'calibration {path} does not exist; `lrfr calibrate` makes it')
        with reading(f'{path} is not a calibration'):
            saved = json.loads(Path(path).read_text(encoding='utf-8'))
            if saved['version'] != _VERSION:
                raise InputError(f'{path} has version {saved["version"]}, this is a reader of '
                                 f'version {_VERSION}: `lrfr calibrate` makes a new one')
            cells = {(cell.pop('i'), cell.pop('j')): CalibrationCell.from_dict(cell)
                     for cell in saved['cells']}
            found = cls(saved['sizes'], cells, saved['fingerprint'], saved['source'])
        if fingerprint is not None and found.fingerprint != fingerprint:
            raise InputError(f'{path} was measured with another recognizer (fingerprint '
                             f'{found.fingerprint[:12]}, this one has {fingerprint[:12]}): its '
                             'thresholds do not hold here')
        return found


def _row_products(one: np.ndarray, two: np.ndarray, rows: np.ndarray, columns: np.ndarray,
                  chunk: int = 100_000) -> np.ndarray:
    """Dot products of ``one[rows]`` and ``two[columns]``, float64, in chunks of bounded memory."""
    out = np.empty(len(rows))
    for start in range(0, len(rows), chunk):
        part = slice(start, start + chunk)
        out[part] = np.einsum('nd,nd->n', one[rows[part]], two[columns[part]], dtype=np.float64)
    return out
