"""Sources made of others pass on all that these know."""
import pickle

import numpy as np
import pytest

from lrfr_mm.datasets import ConcatFaces, FaceDataset, FaceSource, SubsetFaces, SyntheticFaces
from lrfr_mm.errors import InputError


class Numbers(FaceSource):
    """Image k is the byte k; an epoch visits what ``visits`` says."""

    def __init__(self, labels, people=None, visits=None):
        self.given, self.people, self.visits = np.array(labels), people, visits
        self.num_classes = int(self.given.max()) + 1

    def __len__(self):
        return len(self.given)

    def read(self, index):
        return bytes([index]), int(self.given[index])

    def epoch_indices(self, rng):
        return None if self.visits is None else np.array(self.visits)

    def name(self, index):
        return f'image {index}'

    def __repr__(self):
        return 'Numbers'


def visits(source):
    found = source.epoch_indices(np.random.default_rng(0))
    return None if found is None else sorted(found.tolist())


A = Numbers([0, 0, 1, 2], ['Ann', 'Bo', 'Cy'], [0, 0, 3])
B = Numbers([0, 1], ['Bo', 'Di'])


@pytest.mark.parametrize(('source', 'want'), [
    (ConcatFaces([B, B]), None),
    (ConcatFaces([A, B]), [0, 0, 3, 4, 5]),
    (ConcatFaces([B, A]), [0, 1, 2, 2, 5]),
    (ConcatFaces([A, B], weights=[2, 1]), [0, 0, 0, 0, 3, 3, 4, 5]),
    (ConcatFaces([A, B], weights=[1, 0]), [0, 0, 3]),
    (SubsetFaces(A, identities=[0, 2]), [0, 0, 2]),
    (SubsetFaces(A, identities=[1]), []),
    (SubsetFaces(B, identities=[1]), None),
    (SubsetFaces(ConcatFaces([B, A]), samples=[0, 2, 5]), [0, 1, 1, 2]),
    (ConcatFaces([SubsetFaces(A, samples=[3]), B]), [0, 1, 2]),
])
def test_an_epoch_visits_what_the_inner_sources_ask_for(source, want):
    assert visits(source) == want


def test_names_of_people_and_images():
    assert ConcatFaces([A, B]).people == ['Ann', 'Bo (set 0)', 'Cy', 'Bo (set 1)', 'Di']
    assert ConcatFaces([A, Numbers([0])]).people is None
    assert SubsetFaces(A, identities=[0, 2]).people == ['Ann', 'Cy']
    assert SubsetFaces(ConcatFaces([A, B]), identities=[4]).people == ['Di']
    assert SubsetFaces(ConcatFaces([A, B]), samples=[5]).name(0) == 'set 1: image 1'


def test_landmarks_where_all_know_them():
    drawn, more = SyntheticFaces(2, 3), SyntheticFaces(1, 2, first_identity=9)
    both = pickle.loads(pickle.dumps(ConcatFaces([drawn, more])))
    np.testing.assert_array_equal(both.landmarks(7), more.landmarks(1))
    part = SubsetFaces(both, samples=[2, 6])
    np.testing.assert_array_equal(part.landmarks(1), more.landmarks(0))
    sample = FaceDataset(part, landmarks=True)[0]
    np.testing.assert_array_equal(sample['landmarks'], drawn.landmarks(2))
    with pytest.raises(InputError, match='knows no landmarks'):
        FaceDataset(ConcatFaces([drawn, B]), landmarks=True)
