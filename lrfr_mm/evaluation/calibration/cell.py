"""Error rates of one pair of face sizes as functions of the score."""
from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from lrfr_mm.evaluation.functional.person_pairs import (
    person_pair_counts,
    person_pair_interval,
    person_pair_rate,
)

__all__ = ['CalibrationCell']

_LEVELS_FAR = 161   # stored points of the false-accept curve, evenly spaced in log FAR
_LEVELS_FRR = 201   # stored quantiles of the mated scores
_KNOTS_LLR = 101    # stored points of the log-likelihood ratio


@dataclass
class CalibrationCell:
    """What is known of the scores of pairs of two face sizes.

    Attributes:
        far: False-accept rates for which a threshold is known, descending, (K,).
        threshold: Threshold of each, ascending, (K,): a pair is accepted if its score is above it.
        far_error: Standard error of the rate at each threshold, over people, (K,).
        far_low, far_high: Its 95 % interval, (K,); see ``person_pair_interval``.
        mated: Quantiles of the mated scores at levels 0 to 1 in equal steps, (L,).
        llr_score, llr: Natural log-likelihood ratio (mated over non-mated) as a piecewise linear
            function of the score, (M,) each, not descending.
        people, mated_pairs, nonmated_pairs: Size of the data.
        finest_far: Lowest rate that the number of pairs of people supports (rule of three).
    """

    far: np.ndarray
    threshold: np.ndarray
    far_error: np.ndarray
    far_low: np.ndarray
    far_high: np.ndarray
    mated: np.ndarray
    llr_score: np.ndarray
    llr: np.ndarray
    people: int
    mated_pairs: int
    nonmated_pairs: int
    finest_far: float

    @classmethod
    def fit(cls, scores: np.ndarray, first: np.ndarray, second: np.ndarray,
            method: str = 'isotonic') -> CalibrationCell:
        """Estimate a cell from scored pairs.

        Args:
            scores: Cosine similarities, (N,).
            first, second: Identities of the two faces of each pair, int (N,).
            method: 'isotonic' (pool adjacent violators) or 'logistic' for the log-likelihood ratio.

        Raises:
            ValueError: If there are no mated or no non-mated pairs, or for another ``method``.
        """
        if method not in ('isotonic', 'logistic'):
            raise ValueError(f"method must be 'isotonic' or 'logistic', got {method!r}")
        scores = np.asarray(scores, np.float64)
        same = first == second
        if same.all() or not same.any():
            raise ValueError('a calibration needs mated and non-mated pairs, got '
                             f'{int(same.sum())} and {int((~same).sum())}')
        _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
        first, second = codes[:len(scores)], codes[len(scores):]
        people = int(codes.max()) + 1
        curve, finest = _false_accept_curve(scores[~same], first[~same], second[~same], people)
        knots, llr = _log_likelihood_ratio(scores, same, method)
        return cls(*curve, np.quantile(scores[same], np.linspace(0, 1, _LEVELS_FRR)), knots, llr,
                   people, int(same.sum()), int((~same).sum()), finest)

    def threshold_at(self, far: float) -> float:
        """Threshold for a false-accept rate, between the stored ones by interpolation in log FAR.

        Raises:
            ValueError: If the data are too few for that rate.
        """
        if not self.finest_far <= far <= 1:
            raise ValueError(f'a false-accept rate of {far:g} needs more people: the '
                             f'{self.people} people of this calibration support rates from '
                             f'{self.finest_far:.2g} on')
        return float(np.interp(-np.log(far), -np.log(self.far), self.threshold))

    def far_at(self, threshold: float) -> tuple[float, float, float]:
        """False-accept rate at a threshold, and the ends of its 95 % interval."""
        log_far = np.interp(threshold, self.threshold, np.log(self.far))
        return (float(np.exp(log_far)), float(np.interp(threshold, self.threshold, self.far_low)),
                float(np.interp(threshold, self.threshold, self.far_high)))

    def far_error_at(self, threshold: float) -> float:
        """Standard error, over people, of the false-accept rate at a threshold."""
        return float(np.interp(threshold, self.threshold, self.far_error))

    def frr_at(self, threshold: float) -> float:
        """False-reject rate at a threshold: the share of mated scores that are not above it."""
        levels = np.linspace(0, 1, len(self.mated))
        return float(np.interp(threshold, self.mated, levels, left=0., right=1.))

    def llr_at(self, score: float | np.ndarray) -> float | np.ndarray:
        """Natural log-likelihood ratio of each score; constant outside the observed scores."""
        return np.interp(score, self.llr_score, self.llr)

    def to_dict(self) -> dict:
        """Plain lists and numbers, for JSON."""
        return {key: value.tolist() if isinstance(value, np.ndarray) else value
                for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, saved: dict) -> CalibrationCell:
        """The inverse of :meth:`to_dict`."""
        return cls(**{key: np.asarray(value, float) if isinstance(value, list) else value
                      for key, value in saved.items()})


def _false_accept_curve(scores: np.ndarray, first: np.ndarray, second: np.ndarray, people: int
                        ) -> tuple[tuple[np.ndarray, ...], float]:
    """``far``, ``threshold``, ``far_error``, ``far_low``, ``far_high`` of a cell, and its
    ``finest_far``, from non-mated pairs of people from 0 to ``people`` - 1.
    """
    compared = person_pair_counts(first, second, people)
    pairs_of_people = int((compared > 0).sum()) // 2
    # Rule of three: 3 / n bounds a rate of n independent trials without an event at 95 %.
    finest = min(1., 3 / max(pairs_of_people, 1))
    far = np.geomspace(1, finest, _LEVELS_FAR)
    ordered = np.sort(scores)[::-1]
    # The smallest observed score above which at most far * n non-mated scores lie.
    position = np.minimum(np.floor(far * len(ordered)).astype(int), len(ordered) - 1)
    threshold = ordered[position]
    threshold[0] = min(threshold[0], ordered[-1]) - 1e-9
    rates, errors = np.array([
        person_pair_rate(person_pair_counts(first[above], second[above], people), compared)
        for above in (scores > limit for limit in threshold)]).T
    low, high = person_pair_interval(rates, errors, people, pairs_of_people)
    return (far, threshold, errors, low, high), float(finest)


def _log_likelihood_ratio(scores: np.ndarray, same: np.ndarray, method: str
                          ) -> tuple[np.ndarray, np.ndarray]:
    """Knots (score, log-likelihood ratio); mated and non-mated pairs weigh the same in total, so
    that the posterior's log odds are the log-likelihood ratio.
    """
    weight = np.where(same, .5 / same.sum(), .5 / (~same).sum()) * len(scores)
    knots = np.quantile(scores[same], np.linspace(0, 1, _KNOTS_LLR // 2))
    knots = np.unique(np.concatenate([knots, np.quantile(scores[~same], np.linspace(
        0, 1, _KNOTS_LLR - _KNOTS_LLR // 2))]))
    # A likelihood ratio above the number of pairs cannot be told from so many pairs.
    limit = np.log(min(same.sum(), (~same).sum()) + 1)
    if method == 'logistic':
        from sklearn.linear_model import LogisticRegression
        model = LogisticRegression(C=1e6).fit(scores[:, None], same, weight)
        llr = knots * model.coef_[0, 0] + model.intercept_[0]
    else:
        from sklearn.isotonic import IsotonicRegression
        model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds='clip')
        posterior = np.clip(model.fit(scores, same, weight).predict(knots), 1e-12, 1 - 1e-12)
        llr = np.log(posterior / (1 - posterior))
    return knots, np.clip(llr, -limit, limit)
