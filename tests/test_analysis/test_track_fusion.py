"""Fusion of simulated tracks against sums written out."""
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lrfr_mm.analysis.track_fusion import (
    TrackSettings,
    several_faces,
    simulate_tracks,
    track_fusion,
)
from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.errors import InputError

SETTINGS = TrackSettings(views=4, smallest=7, largest=28, tracks=2)


@pytest.fixture(scope='module')
def faces():
    return several_faces([SyntheticFaces(4, 5), SyntheticFaces(3, 6, first_identity=50)], 5)


def coarse(images):
    """Unit vectors of coarse pixels."""
    vectors = np.asarray(images)[:, 8::16, 8::16].reshape(len(images), -1).astype(float)
    vectors -= vectors.mean(1, keepdims=True)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_people_of_all_sources_are_apart(faces):
    assert np.unique(faces.labels, return_counts=True)[1].tolist() == [5] * 7
    assert faces.images.shape == (35, 112, 112, 3)


def test_tracks_have_each_size_once_and_repeat(faces):
    views, sizes, owners = simulate_tracks(faces.images, faces.labels, SETTINGS)
    assert views.shape == (14, 4, 112, 112, 3) and views.dtype == np.uint8
    assert np.sort(sizes, 1).tolist() == [[7, 11, 18, 28]] * 14
    assert owners.tolist() == np.repeat(np.arange(7), 2).tolist()
    again = simulate_tracks(faces.images, faces.labels, SETTINGS)[0]
    np.testing.assert_array_equal(views, again)
    with pytest.raises(InputError, match='person 9 has one face'):
        simulate_tracks(faces.images[:1], np.array([9]), SETTINGS)


def test_references_are_no_views(faces):
    changed = faces.images.copy()
    for person in range(7):
        changed[np.flatnonzero(faces.labels == person)[1::2]] = 0
    np.testing.assert_array_equal(simulate_tracks(changed, faces.labels, SETTINGS)[0],
                                  simulate_tracks(faces.images, faces.labels, SETTINGS)[0])


def test_the_areas_are_those_of_the_weighted_sums(faces):
    table = track_fusion(coarse, faces.images, faces.labels, SETTINGS, (1, 3), draws=20)
    views, sizes, owners = simulate_tracks(faces.images, faces.labels, SETTINGS)
    held_out = np.concatenate([np.flatnonzero(faces.labels == p)[1::2] for p in range(7)])
    references = coarse(faces.images[held_out])
    same = owners[:, None] == faces.labels[held_out]
    for name, power in (('plain mean', 0), ('weighted by size', 1),
                        ('weighted by size squared', 2)):
        fused = [sum(size ** float(power) * coarse(view[None])[0]
                     for size, view in zip(track_sizes[:3], track[:3], strict=True))
                 for track_sizes, track in zip(sizes, views, strict=True)]
        scores = [one @ references.T / np.linalg.norm(one) for one in fused]
        (row,) = table[(table.views == 3) & (table.fusion == name)].to_dict('records')
        assert row['auc'] == pytest.approx(100 * roc_auc_score(same.ravel(), np.ravel(scores)),
                                           abs=1e-6)
        assert row['low'] <= row['auc'] <= row['high']
        assert row['gain_low'] <= row['gain'] <= row['gain_high']
    one = table[table.views == 1]
    assert one.auc.nunique() == 1 and (one.gain == 0).all()  # one view: nothing to weigh
