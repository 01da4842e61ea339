import cv2
import numpy as np
import pytest

from lrfr_mm.datasets.benchmarks import sample_pairs
from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.evaluation.functional import kfold_verification
from lrfr_mm.ops.align import TEMPLATE, similarity
from lrfr_mm.ops.facegen import sample_identity
from lrfr_mm.ops.facegen.geometry import rotation
from lrfr_mm.ops.facegen.identity import TRAITS


def pixels(source, index):
    return cv2.imdecode(np.frombuffer(source.read(index)[0], np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope='module')
def faces():
    return SyntheticFaces(60, 6, seed=11)


def test_a_function_of_seed_identity_and_image(faces):
    again = SyntheticFaces(5, 6, seed=11)
    order = [17, 3, 29, 3]
    assert [again.read(i)[0] for i in order] == [faces.read(i)[0] for i in order]
    assert faces.read(0)[0] != SyntheticFaces(5, 6, seed=12).read(0)[0]
    assert faces.read(0)[0] != faces.read(1)[0]


def test_ranges_of_people_are_parts_of_one_population(faces):
    part = SyntheticFaces(3, 6, seed=11, first_identity=20)
    image, label = part.read(7)
    assert label == 1 and image == faces.read(21 * 6 + 1)[0]


def test_size_labels_and_eye_alignment(faces):
    for index in range(0, len(faces), 7):
        image = pixels(faces, index)
        assert image.shape == (112, 112, 3)
        assert faces.read(index)[1] == index // 6 == faces.labels()[index]
    gaps = np.stack([faces.landmarks(i) - TEMPLATE for i in range(0, len(faces), 3)])
    distance = np.linalg.norm(gaps, axis=2)
    # A similarity has four degrees of freedom: pose and faces that differ leave a few px.
    assert distance[:, :2].mean() < 3 and distance.mean() < 4.5 and distance.max() < 16
    assert np.abs(gaps.mean(0)).max() < 3.5


def test_landmarks_lie_where_the_eyes_are(faces):
    darker = []
    for index in range(0, len(faces), 2):
        grey = pixels(faces, index).mean(2)
        points = np.rint(faces.landmarks(index)).astype(int)

        def patch(x, y, grey=grey):
            return grey[max(0, y - 2):y + 3, max(0, x - 2):x + 3].mean()

        for x, y in points[:2]:
            darker.append(patch(x, y) < patch(x, y + 14))  # an eye against the cheek below it
    assert np.mean(darker) > .9


def test_raw_pixels_do_not_tell_people_apart():
    faces = SyntheticFaces(60, 8, seed=5)
    vectors = np.stack([pixels(faces, i).astype(np.float32).ravel() for i in range(len(faces))])
    vectors -= vectors.mean(1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs, is_same = sample_pairs(faces.labels(), 2000, seed=0)
    scores = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(1)
    assert .5 < kfold_verification(scores, is_same)['accuracy'] < .75


def test_traits_stay_within_their_limits():
    people = [sample_identity(np.random.default_rng([0, i])) for i in range(200)]
    for name, (mean, _, low, high) in TRAITS.items():
        values = np.array([getattr(p, name) for p in people])
        assert values.min() >= low and values.max() <= high and low <= max(mean, low) <= high
        assert values.std() > 0


def test_similarity_recovers_a_known_one(rng):
    points = rng.normal(size=(5, 2))
    angle, scale, shift = .4, 3., np.array([5., -2.])
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = similarity(points, points @ linear.T + shift)
    np.testing.assert_allclose(found, np.column_stack([linear, shift]), atol=1e-12)


def test_rotation_is_one():
    turn = rotation(.3, -.2, .1)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) > 0
    # A positive yaw turns the nose to the viewer's right.
    assert (rotation(.3, 0, 0) @ [0, 0, 1])[0] > 0


def test_wrong_arguments():
    with pytest.raises(ValueError, match='at least 1'):
        SyntheticFaces(0, 5)
    with pytest.raises(ValueError, match='negative'):
        SyntheticFaces(5, 5, seed=-1)
    with pytest.raises(IndexError, match='25 of 25'):
        SyntheticFaces(5, 5).read(25)


def test_cache_holds_the_same_bytes(tmp_path):
    drawn = SyntheticFaces(3, 4, seed=2)
    stored = SyntheticFaces(3, 4, seed=2, cache=str(tmp_path))
    assert [stored.read(i) for i in range(12)] == [drawn.read(i) for i in range(12)]
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*') if p.is_file()}
    SyntheticFaces(3, 4, seed=2, cache=str(tmp_path))
    assert files == {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*') if p.is_file()}
