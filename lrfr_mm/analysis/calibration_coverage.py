"""How often a calibration is right about other people: its check over many splits of people."""
from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from lrfr_mm.analysis.calibrate import check_calibration
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.calibration import SizeCalibration

__all__ = ['coverage', 'disjoint_groups', 'repeated_checks']


def disjoint_groups(identities: np.ndarray, people: int, seed: int = 0
                    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images of two groups of ``people`` each, as often as there are people for it.

    Nobody is in two groups, so that what is measured on one pair of groups is independent of what
    is measured on the others.

    Args:
        identities: Of the images, (N,).
        people: Of each group.
        seed: Of the choice.

    Raises:
        InputError: If there are fewer than twice as many people.
    """
    names = np.random.default_rng(seed).permutation(np.unique(identities))
    if not 1 < people <= len(names) // 2:
        raise InputError(f'two groups of {people} people need {2 * people}, groups at least two '
                         f'people; there are {len(names)}')
    for start in range(0, len(names) - 2 * people + 1, 2 * people):
        groups = names[start:start + people], names[start + people:start + 2 * people]
        yield tuple(np.flatnonzero(np.isin(identities, group)) for group in groups)


def repeated_checks(embeddings: Mapping[int, np.ndarray], identities: np.ndarray, people: int,
                    far: float = .01, method: str = 'isotonic', seed: int = 0) -> pd.DataFrame:
    """Calibrate on some people, check on as many others, and again with others.

    Args:
        embeddings: Size in px to unit vectors (N, D).
        identities: Of the N images.
        people: That calibrate, and that check; see :func:`disjoint_groups`.
        far: Wanted false-accept rate; the finest that ``people`` support if it is finer.
        method: See ``CalibrationCell.fit``.
        seed: Of the groups.

    Returns:
        The rows of ``check_calibration`` with ``split``, from 0, and ``wanted``, the rate.
    """
    rows = []
    for split, (first, second) in enumerate(disjoint_groups(identities, people, seed)):
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
        A row for each pair of sizes: ``inside`` (share of the splits); mean ``far`` and its
        standard deviation over the splits ``far_sd``; means of ``ece`` and ``ece_by_chance``. And
        of all: ``wanted``; ``inside`` with its 95 % interval ``low`` to ``high`` (the splits are
        the sample, for the sizes of one split share its people; NaN for one split); ``ece``, the
        mean of the pair of sizes where it is largest; ``splits``.
    """
    cells = table.groupby(['small', 'large'], as_index=False).agg(
        inside=('inside', 'mean'), far=('far', 'mean'), far_sd=('far', 'std'),
        ece=('ece', 'mean'), ece_by_chance=('ece_by_chance', 'mean'))
    shares = table.groupby('split').inside.mean().to_numpy()
    error = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else np.nan
    low, high = np.clip([shares.mean() - error, shares.mean() + error], 0, 1)
    return cells, dict(wanted=float(table.wanted.iloc[0]), inside=float(shares.mean()),
                       low=float(low), high=float(high), ece=float(cells.ece.max()),
                       splits=len(shares))
