"""Rates of pairs of people against sums written out and against populations that are known."""
import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from lrfr_mm.evaluation.functional.person_pairs import (
    person_pair_counts,
    person_pair_interval,
    person_pair_rate,
)


def test_counts_of_pairs():
    counts = person_pair_counts([0, 1, 1, 2], [1, 0, 2, 1], 4)
    assert counts[0, 1] == counts[1, 0] == 2 and counts[1, 2] == counts[2, 1] == 2
    assert counts.sum() == 8 and not counts[3].any()


def test_the_variance_is_the_sum_over_pairs_that_share_a_person(rng):
    people = 6
    pairs = list(itertools.combinations(range(people), 2))
    compared = {pair: int(rng.integers(1, 5)) for pair in pairs}
    lamb = {pair: 2 in pair for pair in pairs}  # person 2 is accepted as everybody
    accepted = {pair: compared[pair] if lamb[pair] else 0 for pair in pairs}

    def matrix(values):
        out = np.zeros((people, people))
        for (p, q), value in values.items():
            out[p, q] = out[q, p] = value
        return out

    rate, error = person_pair_rate(matrix(accepted), matrix(compared))
    total = sum(compared.values())
    assert rate == pytest.approx(sum(accepted.values()) / total)
    residual = {pair: accepted[pair] - rate * compared[pair] for pair in pairs}
    want = sum(residual[a] * residual[b] for a in pairs for b in pairs if set(a) & set(b))
    assert error == pytest.approx((want * people / (people - 1)) ** .5 / total)
    naive = (rate * (1 - rate) / total) ** .5
    assert error > 2 * naive


def test_nothing_compared_or_accepted():
    empty = np.zeros((3, 3))
    assert np.isnan(person_pair_rate(empty, empty)).all()
    rate, error = person_pair_rate(empty, 1 - np.eye(3))
    assert rate == error == 0
    low, high = person_pair_interval(0., 0., 1000, 30)
    want = binomtest(0, 30).proportion_ci(.95)
    assert low == 0 and high == pytest.approx(want.high, abs=1e-3)
    assert person_pair_interval(0., 0., 5, 30)[1] > high + .05  # five people say little of others


def test_independent_pairs_get_the_interval_of_clopper_and_pearson():
    low, high = person_pair_interval(.1, (.1 * .9 / 200) ** .5, 10 ** 6, 10 ** 9)
    want = binomtest(20, 200).proportion_ci(.95)
    assert (low, high) == pytest.approx((want.low, want.high), abs=1e-4)


@pytest.mark.parametrize('people', [20, 60])
@pytest.mark.parametrize('spread', [0., .8])
def test_the_interval_holds_the_rate_of_all_people_in_95_of_100_samples(people, spread):
    """Pairs are accepted with a probability that grows with the likeability of both people."""
    rng = np.random.default_rng(people)

    def sample(count):
        likeable = spread * rng.standard_normal(count)
        chance = 1 / (1 + np.exp(4 - likeable[:, None] - likeable))
        hits = np.triu(rng.binomial(4, chance), 1)
        return hits + hits.T, chance

    chance = sample(4000)[1]
    true = (chance.sum() - np.trace(chance)) / (4000 * 3999)
    compared = 4 * (1 - np.eye(people))
    held = 0
    for _ in range(400):
        low, high = person_pair_interval(*person_pair_rate(sample(people)[0], compared), people,
                                         people * (people - 1) // 2)
        held += low <= true <= high
    assert held / 400 >= .92  # 95 % less 2.7 standard deviations of 400 samples
