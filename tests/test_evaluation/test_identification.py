from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from lrfr_mm.evaluation.functional import (
    DISTRACTOR,
    UNKNOWN,
    bootstrap_interval,
    mean_average_precision,
    paired_bootstrap,
    quality_weighted_scores,
    runs_bootstrap,
    search_gallery,
    search_gallery_faiss,
    tar_at_far,
    template_pair_scores,
    template_vectors,
    tpir_at_fpir,
)
from lrfr_mm.evaluation.functional.verification import roc_points
from lrfr_mm.evaluation.metrics import Identification


def problem(seed, probes=25, gallery=40, people=12):
    """Embeddings and labels; no two scores of a probe are as near as a tie (1e-6)."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(probes, 6)), rng.normal(size=(gallery, 6))
    assume(np.diff(np.sort(cosines(*vectors), axis=1), axis=1).min() > 3e-6)
    return (*vectors, rng.integers(0, people, probes), rng.integers(0, people - 2, gallery))


def cosines(probes, gallery):
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (probes, gallery)]
    return unit[0] @ unit[1].T


@given(st.integers(0, 10**6), st.sampled_from([1, 3, 7, 4096]))
def test_ranks_of_all_mates_and_scores_against_sorting(seed, chunk):
    probes, gallery, probe_labels, gallery_labels = problem(seed)
    found = search_gallery(probes, gallery, probe_labels, gallery_labels, chunk)
    scores = cosines(probes, gallery)
    for p, row in enumerate(scores):
        mates = gallery_labels == probe_labels[p]
        order = np.argsort(-row)
        want = [int(np.flatnonzero(order == m)[0]) + 1 for m in np.flatnonzero(mates)]
        got = found.mate_ranks[found.mate_starts[p]:found.mate_starts[p + 1]]
        assert got.tolist() == sorted(want)
        assert found.ranks[p] == (min(want) if want else 0)
        assert found.top_scores[p] == pytest.approx(row.max(), abs=1e-6)
        if want:
            assert found.mate_scores[p] == pytest.approx(row[mates].max(), abs=1e-6)


@given(st.integers(0, 10**6))
def test_average_precision_is_scikit_learns(seed):
    probes, gallery, probe_labels, gallery_labels = problem(seed)
    found = search_gallery(probes, gallery, probe_labels, gallery_labels)
    want = [average_precision_score(gallery_labels == label, row)
            for label, row in zip(probe_labels, cosines(probes, gallery), strict=True)
            if (gallery_labels == label).any()]
    assert mean_average_precision(found) == pytest.approx(np.mean(want), abs=1e-6)


def area_by_walk(relevant):
    """Area under precision against recall, walking down a sorted list: trapezoids."""
    area, old_recall, old_precision, hits = 0., 0., 1., 0
    for place, is_mate in enumerate(relevant, 1):
        hits += is_mate
        recall, precision = hits / sum(relevant), hits / place
        area += (recall - old_recall) * (old_precision + precision) / 2
        old_recall, old_precision = recall, precision
    return area


@given(st.integers(0, 10**6))
def test_trapezoid_average_precision_is_the_walk(seed):
    probes, gallery, probe_labels, gallery_labels = problem(seed)
    found = search_gallery(probes, gallery, probe_labels, gallery_labels)
    want = [area_by_walk((gallery_labels == label)[np.argsort(-row)].tolist())
            for label, row in zip(probe_labels, cosines(probes, gallery), strict=True)
            if (gallery_labels == label).any()]
    got = mean_average_precision(found, 'trapezoid')
    assert got == pytest.approx(np.mean(want), abs=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 5), st.floats(0, 1))
def test_open_set_rates_against_every_threshold(seed, rank, fpir):
    probes, gallery, probe_labels, gallery_labels = problem(seed)
    probe_labels[0], probe_labels[1] = gallery_labels[0], 99  # one of each kind at least
    found = search_gallery(probes, gallery, probe_labels, gallery_labels)
    scores = cosines(probes, gallery).astype(np.float32)
    mated = np.isin(probe_labels, gallery_labels)
    best = 0.
    for threshold in [*np.unique(scores.max(1)), *np.unique(found.mate_scores), 2.]:
        false = (found.top_scores[~mated] >= threshold).mean()
        true = ((found.mate_scores[mated] >= threshold) & (found.ranks[mated] <= rank)).mean()
        if false <= fpir + 1e-12:
            best = max(best, true)
    assert tpir_at_fpir(found, (fpir,), rank)[fpir] == pytest.approx(best)


def brute_force(probes, gallery, probe_labels, gallery_labels):
    """Rank of the best mate by sorting, and the average precision of each probe."""
    ranks, precisions = [], []
    for label, row in zip(probe_labels, cosines(probes, gallery), strict=True):
        mates = np.array([label == other and label >= 0 for other in gallery_labels])
        places = np.flatnonzero(mates[np.argsort(-row)]) + 1
        ranks.append(int(places[0]) if len(places) else 0)
        if len(places):
            precisions.append(np.mean(np.arange(1, len(places) + 1) / places))
    return np.array(ranks), float(np.mean(precisions))


@given(st.integers(0, 10**6), st.sampled_from(['exact', 'flat']), st.booleans())
def test_distractors_and_unknowns_never_mate(seed, engine, one_kind):
    """Half of the gallery are distractors, a third of the probes unknown; ``one_kind`` gives both
    the same negative label.
    """
    probes, gallery, probe_labels, gallery_labels = problem(seed)
    gallery_labels[::2] = DISTRACTOR
    probe_labels[::3] = DISTRACTOR if one_kind else UNKNOWN
    gallery_labels[1], probe_labels[1] = 3, 3
    if engine == 'exact':
        found = search_gallery(probes, gallery, probe_labels, gallery_labels)
    else:
        pytest.importorskip('faiss')
        found, _ = search_gallery_faiss(probes, gallery, probe_labels, gallery_labels)
    ranks, precision = brute_force(probes, gallery, probe_labels, gallery_labels)
    np.testing.assert_array_equal(found.ranks, ranks)
    assert (found.ranks[::3] == 0).all() and (found.mate_scores[found.ranks == 0] == -np.inf).all()
    scores = cosines(probes, gallery)
    np.testing.assert_allclose(found.top_scores, scores.max(1), atol=1e-6)
    if engine == 'exact':
        assert mean_average_precision(found) == pytest.approx(precision, abs=1e-6)
    # Open set: the lowest threshold at which at most every second unknown has anybody above it.
    unknown, best = np.sort(scores.max(1)[ranks == 0])[::-1], scores.copy()
    best[probe_labels[:, None] != gallery_labels] = -np.inf
    best = best.max(1)[ranks > 0]
    limit = unknown[len(unknown) // 2]
    want = ((best > limit) & (ranks[ranks > 0] <= 5)).mean()
    assert tpir_at_fpir(found, (.5,), 5)[.5] == pytest.approx(want)


@pytest.mark.parametrize('engine', ['exact', 'flat'])
def test_the_metric_counts_known_probes_only(engine):
    if engine == 'flat':
        pytest.importorskip('faiss')
    rng = np.random.default_rng(0)
    people = rng.normal(size=(6, 16))
    labels = np.array([0, 1, 2, 3, DISTRACTOR, DISTRACTOR, 0, 1, 2, UNKNOWN, UNKNOWN])
    rows = np.where(labels >= 0, labels, 4)
    vectors = people[rows] + .01 * rng.normal(size=(11, 16))
    vectors[9] = people[5]  # resembles nobody; image 10 resembles the distractors
    benchmark = SimpleNamespace(name='g', identities=labels, gallery=np.arange(6),
                                probes={'': np.arange(6, 11)}, protocol_note='')
    metric = Identification('g', ks=(1,), fpirs=(.5,), engine=engine)
    values = metric.compute({view: vectors.astype(np.float32) for view in metric.views()},
                            benchmark).values
    assert values['g/rank1'] == 100 and values['g/tpir@0.5'] == 100
    vectors[8] = people[3] + .01 * rng.normal(size=16)  # one of three is taken for another
    values = metric.compute({view: vectors.astype(np.float32) for view in metric.views()},
                            benchmark).values
    assert values['g/rank1'] == pytest.approx(100 * 2 / 3)


def test_open_set_needs_both_kinds():
    found = search_gallery(np.eye(3), np.eye(3), [0, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match='all are with'):
        tpir_at_fpir(found)
    found = search_gallery(np.eye(3), np.eye(3), [7, 8, 9], [0, 1, 2])
    with pytest.raises(ValueError, match='all are without'):
        tpir_at_fpir(found)
    with pytest.raises(ValueError, match='no probe has a mate'):
        mean_average_precision(found)
    with pytest.raises(ValueError, match='gallery is empty'):
        search_gallery(np.eye(3), np.empty((0, 3)), [0, 1, 2], [])


def test_duplicates_of_another_person_beat_the_mate():
    probe = np.random.default_rng(0).normal(size=(1, 64))
    gallery = np.repeat(probe, 40, 0) * np.linspace(.5, 2, 40)[:, None]
    labels = np.arange(40)
    for mate in (0, 17, 39):
        found = search_gallery(probe, gallery, [mate], labels, chunk=5)
        assert found.ranks[0] == 40


@given(st.integers(0, 10**6), st.integers(5, 200), st.booleans(), st.floats(0, 1))
def test_tar_is_the_best_operating_point_that_the_far_allows(seed, count, ties, far):
    rng = np.random.default_rng(seed)
    is_same = rng.random(count) < .4
    is_same[:2] = True, False
    scores = rng.normal(is_same, 1.)
    scores = np.round(scores) if ties else scores
    fars, tars, _ = roc_points(scores, is_same)
    assert tar_at_far(scores, is_same, (far,))[far] == tars[fars <= far + 1e-12].max()
    single = scores.astype(np.float32)  # the form of millions of template pairs
    fars, tars, _ = roc_points(single, is_same)
    assert tar_at_far(single, is_same, (far,))[far] == tars[fars <= far + 1e-12].max()


@given(st.integers(0, 10**6), st.booleans())
def test_templates_are_media_means_summed_and_normalised(seed, weighted):
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(30, 5))
    templates, media = rng.integers(0, 7, 30), rng.integers(0, 4, 30)
    weights = rng.uniform(.2, 1, 30) if weighted else None
    got, order = template_vectors(embeddings, templates, media, weights)
    assert order.tolist() == sorted(set(templates.tolist()))
    scaled = embeddings * (1 if weights is None else weights[:, None])
    for template, row in zip(order, got, strict=True):
        total = sum(scaled[(templates == template) & (media == m)].mean(0)
                    for m in set(media[templates == template].tolist()))
        np.testing.assert_allclose(row, total / np.linalg.norm(total), atol=1e-5)


def test_template_errors_and_duplicates():
    vectors, ids = template_vectors(np.ones((4, 3)), [5, 5, 2, 2], [1, 1, 1, 2])
    assert ids.tolist() == [2, 5]
    np.testing.assert_allclose(vectors, 3 ** -.5, rtol=1e-6)
    broken = np.ones((4, 3))
    broken[2, 1] = np.nan
    with pytest.raises(ValueError, match='embedding 2 has NaN'):
        template_vectors(broken, [0, 0, 1, 1], [0, 0, 0, 0])
    with pytest.raises(ValueError, match='do not belong together'):
        template_vectors(np.ones((4, 3)), [0], [0])


def test_template_pair_scores_in_pieces(rng):
    vectors, _ = template_vectors(rng.normal(size=(9, 4)), np.arange(9), np.zeros(9))
    first, second = rng.integers(0, 9, 50), rng.integers(0, 9, 50)
    want = (vectors[first].astype(float) * vectors[second]).sum(1)
    for chunk in (1, 7, 1000):
        np.testing.assert_allclose(template_pair_scores(vectors, first, second, chunk), want,
                                   atol=1e-6)


def test_quality_weight_moves_only_unlike_pairs_of_good_images():
    scores = np.array([.9, .3, .3, -.2])
    first, second = np.array([1., 1., .1, 2.]), np.array([1., 2., 2., 2.])
    got = quality_weighted_scores(scores, first, second, slope=1., offset=.5)
    np.testing.assert_allclose(got, [.9, .3 - .2 * 1, .3 - .2 * .1, -.2 - .7 * 2])


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for k in range(300):
        low, high = bootstrap_interval(rng.random(400) < .8, seed=k)
        inside += low <= .8 <= high
    assert .9 < inside / 300 < .99


def test_interval_is_that_of_resampling_by_hand():
    correct = np.random.default_rng(1).random(150) < .7
    rng = np.random.default_rng(2)
    means = [correct[rng.integers(0, 150, 150)].mean() for _ in range(4000)]
    np.testing.assert_allclose(bootstrap_interval(correct, draws=4000),
                               np.percentile(means, [2.5, 97.5]), atol=.012)
    assert bootstrap_interval(np.ones(5, bool)) == (1., 1.)
    with pytest.raises(ValueError, match='nothing'):
        bootstrap_interval([])


def test_paired_comparison():
    rng = np.random.default_rng(0)
    first = rng.random(2000) < .8
    alike = paired_bootstrap(first, first)
    assert alike['difference'] == 0 and alike['p'] == 1
    better = first | (rng.random(2000) < .3)
    found = paired_bootstrap(first, better)
    assert found['p'] == 1e-4 and 0 < found['low'] < found['difference'] < found['high']
    assert found['difference'] == pytest.approx(better.mean() - first.mean())
    # Without a true difference small p-values are rare.
    small = 0
    for k in range(200):
        a, b = rng.random(300) < .7, rng.random(300) < .7
        small += paired_bootstrap(a, b, draws=2000, seed=k)['p'] < .05
    assert small < 22
    with pytest.raises(ValueError, match='equally long'):
        paired_bootstrap([True], [True, False])


def test_comparison_over_runs_and_items():
    rng = np.random.default_rng(0)
    first = rng.random((3, 400)) < .7
    assert runs_bootstrap(first, first)['p'] == 1
    better = first | (rng.random((3, 400)) < .3)
    found = runs_bootstrap(first, better)
    assert found['p'] == 1e-4 and found['difference'] == pytest.approx(better.mean() - first.mean())
    # By hand, with another generator.
    draws = []
    for _ in range(3000):
        runs, items = rng.integers(0, 3, 3), rng.integers(0, 400, 400)
        draws.append((better[runs][:, items].astype(int) - first[runs][:, items]).mean())
    np.testing.assert_allclose([found['low'], found['high']], np.percentile(draws, [2.5, 97.5]),
                               atol=.01)
    # Of one run it is the comparison over items.
    one, other = runs_bootstrap(first[:1], better[:1]), paired_bootstrap(first[0], better[0])
    assert one['low'] == pytest.approx(other['low'], abs=.01)
    with pytest.raises(ValueError, match='equal'):
        runs_bootstrap(first, first[:2])


def test_luck_of_the_training_is_not_taken_for_a_difference():
    """Each run has an accuracy of its own, the two ways of training are alike."""
    rng = np.random.default_rng(1)
    over_items = over_runs = 0
    for _ in range(100):
        first, second = (rng.random((5, 300)) < rng.normal(.7, .05, (5, 1)) for _ in range(2))
        over_items += paired_bootstrap(first.ravel(), second.ravel(), draws=1000)['p'] < .05
        over_runs += runs_bootstrap(first, second, draws=1000)['p'] < .05
    assert over_items > 35 and over_runs < 25


@pytest.mark.parametrize('index', ['flat', 'ivf', 'hnsw'])
def test_faiss_engines_against_the_exact_search(index):
    pytest.importorskip('faiss')
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(3000, 32))
    gallery_labels, probe_labels = np.arange(3000) // 2, rng.integers(0, 1700, 200)
    probes = rng.normal(size=(200, 32))
    known = probe_labels < 1500
    probes[known] += gallery[2 * probe_labels[known]]
    exact = search_gallery(probes, gallery, probe_labels, gallery_labels)
    found, recall = search_gallery_faiss(probes, gallery, probe_labels, gallery_labels, index, 50)
    within = (exact.ranks > 0) & (exact.ranks <= 50)
    assert ((found.ranks == 0) == (exact.ranks == 0)).all()
    if index == 'flat':
        assert recall == 1 and (found.ranks[within] == exact.ranks[within]).all()
        assert (found.ranks[exact.ranks > 50] == 51).all()
        np.testing.assert_allclose(found.top_scores, exact.top_scores, atol=1e-5)
    else:
        assert .5 < recall <= 1
        assert (found.ranks[within] == exact.ranks[within]).mean() > .6
    with pytest.raises(ValueError, match='index must be one of'):
        search_gallery_faiss(probes, gallery, probe_labels, gallery_labels, 'lsh')
