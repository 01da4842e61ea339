import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.model_selection import KFold

from lrfr_mm.evaluation.functional import (
    auc,
    eer,
    identification_ranks,
    kfold_verification,
    rank_k_accuracy,
    roc_points,
    tar_at_far,
)
from lrfr_mm.evaluation.functional.fusion import fuse_flip, pair_scores


def draw(seed, count, ties=False, overlap=.5):
    rng = np.random.default_rng(seed)
    is_same = rng.random(count) < .5
    is_same[:2] = True, False
    scores = np.clip(rng.normal(np.where(is_same, overlap, 0), .3), -1, 1)
    return (np.round(scores, 1) if ties else scores), is_same


def by_double_loop(scores, is_same, folds, protocol):
    """Every fold, every threshold, every pair: as the definitions read."""
    if protocol == 'insightface':
        accept = [lambda s, t=t: 2 - 2 * s < t for t in np.arange(0, 4, .01)]
    elif protocol == 'xqlfw':
        accept = [lambda s, t=t: 1 - s < t for t in np.arange(0, 2, .001)]
    elif protocol == 'lrfr':
        accept = [lambda s, t=t: s > t for t in np.arange(-1, 1, .005)]
    else:
        accept = [lambda s, t=t: s >= t for t in (np.inf, *sorted(set(scores), reverse=True))]
    correct = np.array([rule(scores) == is_same for rule in accept])
    accuracies = []
    for train, test in KFold(folds).split(scores):
        on_train = correct[:, train].sum(1)
        best = np.flatnonzero(on_train == on_train.max())
        chosen = best[-1] if protocol == 'lrfr' else best[0]
        accuracies.append(correct[chosen, test].mean())
    return np.array(accuracies)


@given(st.integers(0, 10**6), st.integers(20, 300), st.booleans(), st.integers(2, 10),
       st.sampled_from(['exact', 'insightface', 'xqlfw', 'lrfr']))
def test_every_protocol_equals_the_double_loop(seed, count, ties, folds, protocol):
    scores, is_same = draw(seed, count, ties)
    got = kfold_verification(scores, is_same, folds, protocol)
    want = by_double_loop(scores, is_same, folds, protocol)
    np.testing.assert_array_equal(got['accuracies'], want)
    assert got['accuracy'] == want.mean() and got['accuracy_std'] == want.std()


def test_thresholds_are_cosines_that_give_the_accuracy():
    scores, is_same = draw(1, 600)
    for protocol in ('exact', 'insightface', 'xqlfw', 'lrfr'):
        got = kfold_verification(scores, is_same, 10, protocol)
        for fold, threshold in enumerate(got['thresholds']):
            test = slice(60 * fold, 60 * fold + 60)
            accuracy = np.mean((scores[test] > threshold - 1e-12) == is_same[test])
            assert abs(accuracy - got['accuracies'][fold]) < .02


def test_insightface_val_by_its_definition():
    scores, is_same = draw(3, 3000, overlap=.9)
    got = kfold_verification(scores, is_same, 10, 'insightface')
    vals, fars = [], []
    grid = np.arange(0, 4, .001)
    for train, test in KFold(10).split(scores):
        d = 2 - 2 * scores
        far = np.array([np.sum((d[train] < t) & ~is_same[train]) for t in grid])
        far = far / np.sum(~is_same[train])
        high = np.flatnonzero(far >= 1e-3)[0]
        t = np.interp(1e-3, far[high - 1:high + 1], grid[high - 1:high + 1])
        vals.append(np.sum((d[test] < t) & is_same[test]) / is_same[test].sum())
        fars.append(np.sum((d[test] < t) & ~is_same[test]) / (~is_same[test]).sum())
    assert got['val'] == pytest.approx(np.mean(vals)) and 0 < got['val'] < 1
    assert got['val_far'] == pytest.approx(np.mean(fars))


@given(st.integers(0, 10**6), st.integers(3, 400), st.booleans())
def test_roc_auc_and_tar_against_scikit_learn(seed, count, ties):
    scores, is_same = draw(seed, count, ties)
    far, tar, thresholds = roc_points(scores, is_same)
    want = sk.roc_curve(is_same, scores, drop_intermediate=False)
    for got, expected in zip((far, tar, thresholds), want, strict=True):
        np.testing.assert_allclose(got, expected)
    assert auc(scores, is_same) == pytest.approx(sk.roc_auc_score(is_same, scores), abs=1e-12)
    for f, rate in tar_at_far(scores, is_same, (1e-3, .1, .5)).items():
        assert rate == max(t for g, t in zip(far, tar, strict=True) if g <= f)


def test_eer_by_hand():
    scores = np.array([.9, .8, .7, .6, .5, .4])
    # At 0.7: one of three different accepted, one of three same refused.
    assert eer(scores, np.array([1, 1, 0, 1, 0, 0], bool)) == pytest.approx(1 / 3)
    assert eer(scores, np.array([1, 1, 1, 0, 0, 0], bool)) == 0
    assert eer(scores, np.array([0, 0, 0, 1, 1, 1], bool)) == 1
    assert eer(np.zeros(6), np.array([1, 1, 1, 0, 0, 0], bool)) == .5


def test_equal_scores_are_chance():
    is_same = np.arange(100) % 2 == 0
    for protocol in ('exact', 'insightface', 'xqlfw', 'lrfr'):
        assert kfold_verification(np.zeros(100), is_same, 10, protocol)['accuracy'] == .5


@pytest.mark.parametrize(('scores', 'same', 'options', 'text'), [
    ([.1, np.nan], [True, False], {}, 'pair 1 is nan'),
    ([.1, .2, .3], [True, False], {}, 'shape'.replace('shape', r'\(N,\)')),
    ([], [], {}, 'N > 0'),
    ([.1, .2], [True, False], dict(folds=3), 'number of pairs'),
    ([.1, .2], [True, False], dict(folds=2, protocol='lfw'), "'lfw'"),
])
def test_wrong_input_is_named(scores, same, options, text):
    with pytest.raises(ValueError, match=text):
        kfold_verification(np.array(scores), np.array(same), **options)


def test_one_class_only():
    for same in (np.ones(9, bool), np.zeros(9, bool)):
        with pytest.raises(ValueError, match='both kinds'):
            roc_points(np.arange(9.), same)
        assert kfold_verification(np.arange(9.), same, 3)['accuracy'] <= 1


def ranks_by_loop(probes, gallery, probe_labels, gallery_labels):
    def unit(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)
    scores = unit(probes) @ unit(gallery).T
    out = []
    for row, label in zip(scores, probe_labels, strict=True):
        mates = gallery_labels == label
        out.append(1 + np.sum(row[~mates] >= row[mates].max()) if mates.any() else 0)
    return np.array(out)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 60), st.integers(1, 70))
def test_ranks_against_brute_force(seed, num_probes, num_gallery, chunk):
    rng = np.random.default_rng(seed)
    probes, gallery = rng.normal(size=(num_probes, 6)), rng.normal(size=(num_gallery, 6))
    labels = rng.integers(0, 12, num_probes), rng.integers(0, 12, num_gallery)
    got = identification_ranks(probes, gallery, *labels, chunk=chunk)
    np.testing.assert_array_equal(got, ranks_by_loop(probes, gallery, *labels))


def test_equal_embeddings_cannot_score():
    ranks = identification_ranks(np.ones((4, 8)), np.ones((10, 8)), np.arange(4), np.arange(10))
    np.testing.assert_array_equal(ranks, 10)


def test_ranks_without_mates_and_with_nan():
    ranks = identification_ranks(np.eye(3), np.eye(3), [0, 1, 7], [0, 1, 2])
    np.testing.assert_array_equal(ranks, [1, 1, 0])
    assert rank_k_accuracy(ranks, (1, 5)) == {1: 1., 5: 1.}
    with pytest.raises(ValueError, match='no probe has a mate'):
        rank_k_accuracy([0, 0])
    broken = np.eye(3)
    broken[1, 2] = np.nan
    with pytest.raises(ValueError, match='probe 1 has NaN'):
        identification_ranks(broken, np.eye(3), [0, 1, 2], [0, 1, 2])


def test_rank_k():
    assert rank_k_accuracy([1, 2, 5, 6, 0], (1, 5)) == {1: .25, 5: .75}


def test_flip_fusion_and_pair_scores(rng):
    a, b = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    pairs = np.array([[0, 1], [2, 3], [1, 1]])
    for flip, joined in (('none', a), ('concat', np.hstack([a, b])), ('sum', a + b)):
        unit = fuse_flip(a, b, flip)
        want = [joined[i] @ joined[j] / np.linalg.norm(joined[i]) / np.linalg.norm(joined[j])
                for i, j in pairs]
        np.testing.assert_allclose(pair_scores(unit, unit, pairs), want, atol=1e-6)
    with pytest.raises(ValueError, match="'mean'"):
        fuse_flip(a, b, 'mean')
