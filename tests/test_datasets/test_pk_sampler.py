from unittest import mock

import numpy as np
import pytest

from lrfr_mm.datasets import FaceDataset, PKSampler
from lrfr_mm.datasets.sources.base import FaceSource
from lrfr_mm.registry import DATA_SAMPLERS


class Labelled(FaceSource):
    """A source that has nothing but labels."""

    def __init__(self, labels):
        self._labels = np.array(labels)
        self.num_classes = int(self._labels.max()) + 1

    def __len__(self):
        return len(self._labels)

    def labels(self):
        return self._labels

    def __repr__(self):
        return 'Labelled'


# Ten people with 3 to 12 images, in mixed order.
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(10), np.arange(3, 13)))


def sampler(rank=0, world=1, seed=1, people=4, images=3, labels=LABELS):
    with mock.patch('lrfr_mm.datasets.samplers.get_dist_info', return_value=(rank, world)):
        return PKSampler(FaceDataset(Labelled(labels)), people, images, seed)


def batches(order, size=12):
    return np.array(list(order)).reshape(-1, size)


def test_every_batch_has_p_people_with_k_different_images():
    for batch in batches(sampler()):
        people, counts = np.unique(LABELS[batch], return_counts=True)
        assert len(people) == 4 and (counts == 3).all()
        assert len(set(batch)) == 12


def test_an_epoch_has_the_sets_length_and_visits_people_equally():
    order = sampler()
    assert len(order) == len(list(order)) == len(LABELS) // 12 * 12
    assert order.left_out == 0 and sampler(images=5).left_out == 2
    visits = np.bincount(LABELS[list(order)], minlength=10) // 3
    assert visits.max() - visits.min() <= len(LABELS) // 12 // 2


def test_the_order_depends_on_seed_and_epoch_alone():
    order = sampler()
    first = list(order)
    assert first == list(order) == list(sampler())
    assert first != list(sampler(seed=2))
    order.set_epoch(1)
    assert first != list(order)


def test_processes_share_the_batches_of_one():
    alone = batches(sampler())
    parts = [batches(sampler(rank, 2)) for rank in range(2)]
    assert np.array_equal(np.stack(parts, 1).reshape(-1, 12), alone[:2 * len(parts[0])])


@pytest.mark.parametrize(('used', 'world'), [(24, 1), (24, 2), (12, 1), (7, 1)])
def test_it_is_resumed_inside_an_epoch(used, world):
    whole = list(sampler(1 % world, world))
    order = sampler(1 % world, world)
    order.set_epoch(0, used)
    assert list(order) == whole[used // world:] and order.left == len(whole) - used // world


@pytest.mark.parametrize(('options', 'message'), [
    (dict(people=11), r'batches of 11 people with 3 images each: Labelled has 10 people'),
    (dict(images=9), r'Labelled has 4 people'),
    (dict(people=1), 'people=1'), (dict(images=1), 'images=1'),
    (dict(world=50), 'one batch of 4 x 3 on each of 50 processes')])
def test_what_cannot_be_filled_is_refused(options, message):
    if options == dict(images=9):
        assert len(sampler(**options)) > 0  # four people are just enough
        options = dict(images=9, people=5)
    with pytest.raises(ValueError, match=message):
        sampler(**options)


def test_it_builds_from_a_config():
    built = DATA_SAMPLERS.build(dict(type='PKSampler', dataset=FaceDataset(Labelled(LABELS)),
                                     people=2, images=2))
    assert len(built) == len(LABELS) // 4 * 4
