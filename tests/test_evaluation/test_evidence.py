"""Cllr, calibration, DET and error against discard, by float64 formulas and scikit-learn."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import det_curve

from lrfr_mm.evaluation.functional import (
    cllr,
    det_points,
    discard_area,
    error_against_discard,
    expected_calibration_error,
    minimum_cllr,
    pav_log_likelihood_ratios,
    reliability,
)


def pairs(seed, count=200, ties=False):
    rng = np.random.default_rng(seed)
    is_same = rng.random(count) < .4
    is_same[:2] = True, False
    scores = rng.normal(2. * is_same, 1.)
    return np.round(scores, 1) if ties else scores, is_same


@given(st.integers(0, 10**6))
def test_cllr_is_the_formula(seed):
    llrs, is_same = pairs(seed)
    same = [math.log2(1 + math.exp(-x)) for x in llrs[is_same]]
    different = [math.log2(1 + math.exp(x)) for x in llrs[~is_same]]
    assert cllr(llrs, is_same) == pytest.approx((np.mean(same) + np.mean(different)) / 2)


def test_cllr_of_what_is_known():
    is_same = np.array([True, True, False, False])
    assert cllr(np.zeros(4), is_same) == pytest.approx(1)
    assert cllr([900, 900, -900, -900], is_same) == 0
    assert cllr([-900, -900, 900, 900], is_same) > 1000  # finite for large ratios
    # True ratios of two normal distributions two deviations apart.
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(1, 1, 40000), rng.normal(-1, 1, 40000)]
    same = np.arange(80000) < 40000
    assert minimum_cllr(x, same) == pytest.approx(cllr(2 * x, same), abs=.003)
    assert cllr(4 * x, same) > cllr(2 * x, same) + .02


@given(st.integers(0, 10**6), st.booleans())
def test_minimum_cllr_is_the_least_of_monotone_mappings(seed, ties):
    scores, is_same = pairs(seed, 60, ties)
    best = minimum_cllr(scores, is_same)
    ratios = pav_log_likelihood_ratios(scores, is_same)
    rising = ratios[np.argsort(scores, kind='stable')]
    assert (rising[1:] >= rising[:-1] - 1e-9).all()
    for scale, shift in ((.5, -1.), (1., -2.), (2., -2.), (4., -3.)):
        assert best <= cllr(scale * scores + shift, is_same) + 1e-12
    assert best == pytest.approx(minimum_cllr(np.exp(scores), is_same))
    # Pooled by hand: maximum of the minimum over later means of the minimum over earlier ones.
    values = np.unique(scores)
    mean = [[is_same[(scores >= a) & (scores <= b)].mean() if a <= b else np.nan for b in values]
            for a in values]
    posterior = [max(min(mean[i][j] for j in range(k, len(values))) for i in range(k + 1))
                 for k in range(len(values))]
    got = 1 / (1 + np.exp(-(ratios + np.log(is_same.sum() / (~is_same).sum()))))
    np.testing.assert_allclose(got, np.array(posterior)[np.searchsorted(values, scores)],
                               atol=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_calibration_error_bin_by_bin(seed, bins):
    rng = np.random.default_rng(seed)
    said = np.r_[rng.random(100), 0., 1.]
    is_same = rng.random(102) < said ** 2
    total = 0.
    for k in range(bins):
        inside = (said >= k / bins) & ((said < (k + 1) / bins) | (k == bins - 1))
        if inside.any():
            total += inside.sum() * abs(said[inside].mean() - is_same[inside].mean())
    assert expected_calibration_error(said, is_same, bins) == pytest.approx(total / 102, abs=1e-12)
    assert reliability(said, is_same, bins)[2].sum() == 102


@given(st.integers(0, 10**6), st.booleans())
def test_det_points_are_scikit_learns(seed, ties):
    scores, is_same = pairs(seed, ties=ties)
    fmr, fnmr, thresholds = det_points(scores, is_same)
    theirs_fmr, theirs_fnmr, theirs = det_curve(is_same, scores)
    where = np.searchsorted(-thresholds, -theirs)  # they leave out the ends
    np.testing.assert_allclose(thresholds[where], theirs)
    np.testing.assert_allclose(fmr[where], theirs_fmr)
    np.testing.assert_allclose(fnmr[where], theirs_fnmr)


@given(st.integers(0, 10**6), st.sampled_from([.01, .1, .5]))
def test_error_against_discard_by_sorting(seed, far):
    rng = np.random.default_rng(seed)
    scores, is_same = pairs(seed)
    quality = rng.permutation(200).astype(float)  # no two are equal
    _, _, threshold = error_against_discard(scores, is_same, quality, far)
    assert (scores[~is_same] > threshold).mean() <= far
    order = np.argsort(quality[is_same])
    missed = (scores[is_same] <= threshold)[order]
    for k in range(0, len(missed), 7):
        rest = missed[k:].mean()
        exact = error_against_discard(scores, is_same, quality, far, [k / len(missed)])[1]
        assert exact[0] == pytest.approx(rest)


def test_a_quality_that_knows_the_errors_removes_them_and_one_that_knows_nothing_does_not():
    scores, is_same = pairs(1, 4000)
    fractions, perfect, threshold = error_against_discard(scores, is_same, scores, .05)
    share = (scores[is_same] <= threshold).mean()
    assert perfect[0] == pytest.approx(share) and perfect[fractions > share + .01].max() == 0
    _, flat, _ = error_against_discard(scores, is_same, np.ones(4000), .05)
    np.testing.assert_allclose(flat, share)
    assert discard_area(fractions, perfect, .9) < .5 * discard_area(fractions, flat, .9)
    assert discard_area(fractions, flat) == pytest.approx(share)
    assert discard_area([0., .1, .3], [.4, .2, .2], .2) == pytest.approx(.25)


@pytest.mark.parametrize(('call', 'text'), [
    (lambda: cllr([1., np.nan], [True, False]), 'score of pair 1'),
    (lambda: cllr([1., 2.], [True, True]), 'both kinds'),
    (lambda: minimum_cllr([1., 2.], [False, False]), 'both kinds'),
    (lambda: expected_calibration_error([.5, 1.5], [True, False]), 'pair 1 is 1.5'),
    (lambda: reliability([.5], [True], 0), 'at least 1'),
    (lambda: error_against_discard([1., 2.], [True, False], [1.]), r'\(N,\) arrays'),
    (lambda: error_against_discard([1., 2.], [True, False], [1., 2.], fractions=[1.]), 'below 1')])
def test_bad_input_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
