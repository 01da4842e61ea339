import numpy as np
import pytest

from lrfr_mm.evaluation.functional import (
    fit_quality_weight,
    quality_weighted_scores,
    tar_at_far,
)


def pairs(rng, count=2000):
    """Pairs whose different ones look alike where the quality is high, as MagFace's do."""
    is_same = np.arange(count) % 2 == 0
    quality = rng.uniform(10, 100, (2, count))
    low = quality.min(0)
    scores = np.where(is_same, .35 + .3 * low / 100, .1 + .25 * low / 100)
    return scores + rng.normal(0, .08, count), is_same, *quality


def test_the_fit_is_no_worse_than_none_and_better_where_quality_tells(rng):
    scores, is_same, first, second = pairs(rng)
    weight = fit_quality_weight(scores, is_same, first, second, far=.01)
    weighted = quality_weighted_scores(scores, first, second, **weight)
    plain, better = (tar_at_far(s, is_same, [.01])[.01] for s in (scores, weighted))
    assert weight['slope'] > 0 and better > plain + .02
    scores, is_same, first, second = pairs(np.random.default_rng(1))  # other pairs
    weighted = quality_weighted_scores(scores, first, second, **weight)
    assert tar_at_far(weighted, is_same, [.01])[.01] > tar_at_far(scores, is_same, [.01])[.01]


def test_equal_qualities_need_no_weight(rng):
    scores, is_same, _, _ = pairs(rng)
    same = np.full(len(scores), 30.)
    assert fit_quality_weight(scores, is_same, same, same) == dict(slope=0., offset=0.)


def test_pairs_of_one_kind_are_refused(rng):
    scores, _, first, second = pairs(rng)
    with pytest.raises(ValueError, match='both kinds'):
        fit_quality_weight(scores, np.ones(len(scores), bool), first, second)
