"""How often a calibration is right about other people: its check over many splits of people."""
from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from lrfr_mm.analysis.calibrate import check_calibration
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.calibration import SizeCalibration

__all__ = ['coverage', 'disjoint_groups', 'repeated_checks']


def disjoint_groups(identities: np.ndarray, people: int, splits: int, seed: int = 0
                    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images of two groups of ``people`` each, ``splits`` times.

    No person is in two groups of one pass over all people; when they are used up, they are
    shuffled anew.

    Args:
        identities: Of the images, (N,).
        people: Of each group.
        splits: Pairs of groups.
        seed: Of the shuffling.

    Raises:
        InputError: If there are fewer than twice as many people.
    """
    names = np.unique(identities)
    if len(names) < 2 * people:
        raise InputError(f'two groups of {people} people need {2 * people}, there are '
                         f'{len(names)}')
    rng = np.random.default_rng(seed)
    left = np.empty(0, names.dtype)
    for _ in range(splits):
        if len(left) < 2 * people:
            left = rng.permutation(names)
        first, second, left = left[:people], left[people:2 * people], left[2 * people:]
        yield (np.flatnonzero(np.isin(identities, first)),
               np.flatnonzero(np.isin(identities, second)))


def repeated_checks(embeddings: Mapping[int, np.ndarray], identities: np.ndarray, people: int,
                    splits: int, far: float = .01, method: str = 'isotonic', seed: int = 0
                    ) -> pd.DataFrame:
    """Calibrate on some people, check on as many others, and again with others.

    Args:
        embeddings: Size in px to unit vectors (N, D).
        identities: Of the N images.
        people: That calibrate, and that check.
        splits: Repetitions, of :func:`disjoint_groups`.
        far: Wanted false-accept rate; the finest that ``people`` support if it is finer.
        method: See ``CalibrationCell.fit``.
        seed: Of the splits.

    Returns:
        The rows of ``check_calibration`` with ``split``, from 0, and ``wanted``, the rate.
    """
    rows = []
    for split, (first, second) in enumerate(disjoint_groups(identities, people, splits, seed)):
        calibration = SizeCalibration.fit({s: e[first] for s, e in embeddings.items()},
                                          identities[first], method, seed=split)
        wanted = max(far, calibration.finest_far())
        rows += [dict(split=split, wanted=wanted, **row) for row in check_calibration(
            calibration, {s: e[second] for s, e in embeddings.items()}, identities[second],
            wanted, seed=split)]
    return pd.DataFrame(rows)


def coverage(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """What :func:`repeated_checks` found, for each pair of sizes and in all.

    Returns:
        A row for each pair of sizes: ``inside`` (share of the splits), mean ``far`` and its
        standard deviation over the splits ``far_sd``, mean ``ece``. And of all: ``inside`` with
        its 95 % interval ``low`` to ``high`` (the splits are the sample, for the sizes of one split
        share its people), ``ece`` (mean of the pair of sizes where it is largest), ``splits``.
    """
    cells = table.groupby(['small', 'large'], as_index=False).agg(
        inside=('inside', 'mean'), far=('far', 'mean'), far_sd=('far', 'std'),
        ece=('ece', 'mean'))
    shares = table.groupby('split').inside.mean().to_numpy()
    error = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else np.nan
    return cells, dict(inside=float(shares.mean()), low=float(shares.mean() - error),
                       high=float(min(1., shares.mean() + error)), ece=float(cells.ece.max()),
                       splits=len(shares))
