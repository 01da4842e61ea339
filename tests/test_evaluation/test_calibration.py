"""The calibration by face size against a population whose error rates are known."""
import json

import numpy as np
import pytest

from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.evaluation.calibration import CalibrationCell, SizeCalibration

SIZES = (7, 14, 28, 112)


def population(people, images, seed, dims=32):
    """Unit vectors by size: a person's direction, and noise that grows as the face shrinks."""
    rng = np.random.default_rng(seed)
    identities = np.repeat(np.arange(people), images)
    who = rng.standard_normal((people, dims))[identities]
    out = {}
    for size in SIZES:
        noisy = who + (.3 + 7 / size) * rng.standard_normal(who.shape)
        out[size] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return out, identities


@pytest.fixture(scope='module')
def fitted():
    return SizeCalibration.fit(*population(60, 6, 0), fingerprint='abc',
                               source='simulated')


@pytest.fixture(scope='module')
def held_out():
    return population(300, 4, 1)


def scores_of(held_out, small, large):
    vectors, identities = held_out
    scores = vectors[small] @ vectors[large].T
    same = identities[:, None] == identities
    other = ~np.eye(len(identities), dtype=bool)
    return scores[same & other], scores[~same]


@pytest.mark.parametrize('far', [.1, .01])
@pytest.mark.parametrize('small, large', [(7, 7), (7, 112), (14, 28), (28, 28), (112, 112)])
def test_the_false_accept_rate_holds_on_other_people(fitted, held_out, small, large, far):
    _, nonmated = scores_of(held_out, small, large)
    decision = fitted.decide(.5, (small, large), far)
    low, high = decision.far_interval
    assert low < far < high
    assert low <= (nonmated > decision.threshold).mean() <= high


@pytest.mark.parametrize('small, large', [(7, 7), (14, 112), (28, 112)])
def test_the_false_reject_rate_holds_on_other_people(fitted, held_out, small, large):
    mated, _ = scores_of(held_out, small, large)
    decision = fitted.decide(.5, (large, small), .01)
    assert abs((mated <= decision.threshold).mean() - decision.frr) < .05


@pytest.mark.parametrize('method', ['isotonic', 'logistic'])
def test_the_posterior_is_the_share_of_mated_pairs(held_out, method):
    calibration = SizeCalibration.fit(*population(60, 6, 0), method=method)
    for small, large in ((7, 7), (14, 112)):
        mated, nonmated = scores_of(held_out, small, large)
        rng = np.random.default_rng(0)
        scores = np.concatenate([rng.choice(mated, 3000), rng.choice(nonmated, 3000)])
        truth = np.arange(6000) < 3000
        posterior = 1 / (1 + np.exp(-np.array([calibration.llr(s, (small, large))
                                               for s in scores])))
        bins = np.minimum((posterior * 10).astype(int), 9)
        ece = sum(abs(truth[bins == b].mean() - posterior[bins == b].mean()) * (bins == b).mean()
                  for b in range(10) if (bins == b).any())
        assert ece < .05


def test_between_the_sizes_the_threshold_lies_between(fitted):
    t14, t28 = (fitted.threshold((s, 112), .01) for s in (14, 28))
    middle = fitted.threshold((14 * 2 ** .5, 112), .01)
    np.testing.assert_allclose(middle, (t14 + t28) / 2, rtol=1e-9)
    assert fitted.threshold((112, 300), .01) == fitted.threshold((112, 112), .01)


def test_a_smaller_face_is_missed_more_often(fitted):
    missed = [fitted.decide(.5, (s, 112), .01).frr for s in SIZES]
    assert missed == sorted(missed, reverse=True) and missed[0] > missed[-1] + .1


def test_rates_that_the_people_do_not_support_are_refused(fitted):
    with pytest.raises(InputError, match=r'60 people of this calibration .* from 0\.0017'):
        fitted.decide(.5, (14, 14), 1e-4)
    assert fitted.table([1e-4])[0]['threshold@0.0001'] is None
    assert fitted.finest_far() == pytest.approx(3 / (60 * 59 / 2))


@pytest.mark.parametrize('size', [5, 6.9, 0, -1, float('nan')])
def test_faces_smaller_than_the_smallest_are_refused(fitted, size):
    with pytest.raises(InputError, match='smallest calibrated size'):
        fitted.decide(.5, (size, 112))


def test_saved_and_read_back(fitted, tmp_path):
    path = tmp_path / 'calibration.json'
    fitted.save(path)
    again = SizeCalibration.load(path, 'abc')
    assert again.decide(.4, (9, 50), .02) == fitted.decide(.4, (9, 50), .02)
    assert again.source == 'simulated'
    with pytest.raises(InputError, match='another recognizer'):
        SizeCalibration.load(path, 'other')
    with pytest.raises(InputMissingError, match=r'nowhere\.json'):
        SizeCalibration.load(tmp_path / 'nowhere.json')


@pytest.mark.parametrize('damage', [
    lambda s: '', lambda s: '[]', lambda s: s[:-20], lambda s: s.replace('"sizes"', '"size"'),
    lambda s: json.dumps({**json.loads(s), 'version': 9}),
    lambda s: json.dumps({**json.loads(s), 'cells': json.loads(s)['cells'][1:]})])
def test_damaged_files_are_named(fitted, tmp_path, damage):
    path = tmp_path / 'calibration.json'
    fitted.save(path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=r'calibration\.json'):
        SizeCalibration.load(path)


def test_cells_need_both_kinds_of_pairs():
    with pytest.raises(ValueError, match='mated and non-mated'):
        CalibrationCell.fit(np.array([.1, .2]), np.array([0, 1]), np.array([1, 2]))
    with pytest.raises(ValueError, match='isotonic'):
        CalibrationCell.fit(np.array([.1, .2]), np.array([0, 1]), np.array([0, 2]), 'spline')


def test_words_say_verdict_sizes_and_rates(fitted):
    text = fitted.decide(.9, (9.6, 112), .01).in_words()
    assert text.startswith('Same person: similarity 0.900')
    for part in ('10 and 112 px', 'Of 10,000 pairs of different people about 100', 'as probable'):
        assert part in text
    assert fitted.decide(-.2, (9.6, 112), .01).in_words().startswith('Not confirmed')
