import numpy as np
import pytest
from scipy.stats import binom, norm

from lrfr_mm.evaluation.functional import (
    mean_rate_interval,
    paired_bootstrap,
    paired_comparison,
    rate_interval,
)


def wilson(right, count, level=.95):
    z = norm.ppf((1 + level) / 2)
    rate = right / count
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(rate * (1 - rate) / count
                                              + z * z / (4 * count * count))
    return middle - reach, middle + reach


def decisions(right, count):
    return np.arange(count) < right


@pytest.mark.parametrize(('right', 'count'), [(20, 20), (0, 20), (1, 1), (0, 1), (19, 20), (1, 20),
                                              (5983, 6000), (6000, 6000), (37, 61)])
@pytest.mark.parametrize('level', [.9, .95])
def test_interval_is_wilsons_and_has_a_width_at_the_ends(right, count, level):
    low, high = rate_interval(decisions(right, count), level)
    assert (low, high) == pytest.approx(wilson(right, count, level), abs=1e-12)
    assert 0 <= low <= right / count <= high <= 1 and high - low > .9 / (count + 4)


@pytest.mark.parametrize('rate', [.5, .9, .99, .999])
def test_coverage(rate):
    """The exact coverage over all outcomes of 200 items; at the ends Wilson's is at least 90 %."""
    outcomes = np.arange(201)
    inside = [low <= rate <= high for low, high in
              (rate_interval(decisions(k, 200)) for k in outcomes)]
    assert binom.pmf(outcomes, 200, rate)[inside].sum() > .9


def test_mean_of_rates_covers_the_truth():
    rng = np.random.default_rng(0)
    truth, inside = np.array([.7, .95, .99]), 0
    for _ in range(300):
        groups = [rng.random(n) < p for n, p in zip((80, 80, 40), truth, strict=True)]
        low, high = mean_rate_interval(groups)
        inside += low <= truth.mean() <= high
    assert .92 <= inside / 300 <= .99
    one = decisions(17, 20)
    assert mean_rate_interval([one]) == pytest.approx(rate_interval(one))
    low, high = mean_rate_interval([np.ones(20), np.ones(20)])
    assert low < .95 and high == 1


def test_paired_p_is_the_exact_binomial_test():
    one, two = decisions(50, 60), decisions(50, 60)
    one[[0, 1, 2]] = False  # the second is right where the first is not
    two[4] = False
    found = paired_comparison(one, two)
    # 3 against 1 disagreements: P(at most 1 or at least 3 of 4) under 1/2
    assert found['p'] == pytest.approx(2 * binom.cdf(1, 4, .5))
    assert found['difference'] == pytest.approx(2 / 60)
    assert found['low'] < 0 < found['high']


def test_paired_interval_of_newcombes_table():
    """Newcombe (1998), Table II, method 10: a = 36, b = 12, c = 2, d = 0 gives .0569 to .3404."""
    first = np.r_[np.ones(36), np.zeros(12), np.ones(2)]
    second = np.r_[np.ones(36), np.ones(12), np.zeros(2)]
    found = paired_comparison(first, second)
    assert (found['low'], found['high']) == pytest.approx((.0569, .3404), abs=5e-5)


def test_paired_interval_is_near_the_bootstrap_and_has_a_width_without_disagreement():
    rng = np.random.default_rng(0)
    first = rng.random(1500) < .8
    second = np.where(rng.random(1500) < .2, rng.random(1500) < .9, first)
    close, drawn = paired_comparison(first, second), paired_bootstrap(first, second)
    for end in ('difference', 'low', 'high'):
        assert close[end] == pytest.approx(drawn[end], abs=.004)
    alike = paired_comparison(np.ones(30), np.ones(30))
    assert alike['p'] == 1 and alike['low'] < -.05 and alike['high'] > .05


@pytest.mark.parametrize('call', [
    lambda: rate_interval([]), lambda: rate_interval([[True]]), lambda: mean_rate_interval([]),
    lambda: mean_rate_interval([[True], []]), lambda: paired_comparison([True], [True, False]),
    lambda: paired_comparison([], [])])
def test_nothing_has_no_interval(call):
    with pytest.raises(ValueError, match=r'at least one|equally long'):
        call()
