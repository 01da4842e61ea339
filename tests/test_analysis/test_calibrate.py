"""Calibration of a network on drawn faces, and the check on other people."""
import numpy as np
import pandas as pd
import pytest

from lrfr_mm.analysis.calibrate import (
    check_calibration,
    embed_at_sizes,
    split_people,
    threshold_figure,
)
from lrfr_mm.analysis.calibration_coverage import coverage, disjoint_groups, repeated_checks
from lrfr_mm.datasets.face_dataset import FaceDataset
from lrfr_mm.errors import InputError
from lrfr_mm.evaluation.calibration import SizeCalibration
from lrfr_mm.ops.resample import degrade_array


def pixels(images):
    """A network that needs no training: a face's coarse pixels, less the mean face."""
    small = images.float()[:, :, 8::16, 8::16].flatten(1)
    return small - small.mean(1, keepdim=True)


@pytest.fixture(scope='module')
def embedded():
    faces = FaceDataset(dict(type='SyntheticFaces', num_identities=40, images_per_identity=4))
    return faces, embed_at_sizes(pixels, faces, (7, 20, 112), batch_size=32)


def test_embeddings_are_of_the_degraded_and_mirrored_images(embedded):
    faces, embeddings = embedded
    image = degrade_array(np.ascontiguousarray(faces[5]['img']), 7).astype(np.float64)
    parts = [shown[8::16, 8::16].transpose(2, 0, 1).ravel() for shown in (image, image[:, ::-1])]
    want = np.concatenate([part - part.mean() for part in parts])
    np.testing.assert_allclose(embeddings[7][5], want / np.linalg.norm(want), atol=1e-5)
    assert embeddings[112].shape == (160, 2 * 147)


def test_people_are_split_not_images(embedded):
    labels = np.repeat(np.arange(40), 4)
    first, second = split_people(labels, .3)
    assert len(set(labels[first])) == 12 and not set(labels[first]) & set(labels[second])
    assert sorted([*first, *second]) == list(range(160))


def test_the_calibration_holds_on_other_people(embedded, tmp_path):
    faces, embeddings = embedded
    labels = faces.source.labels()
    first, second = split_people(labels)
    calibration = SizeCalibration.fit({s: e[first] for s, e in embeddings.items()}, labels[first])
    rows = check_calibration(calibration, {s: e[second] for s, e in embeddings.items()},
                             labels[second], far=.1)
    assert [(row['small'], row['large']) for row in rows] == [
        (7, 7), (7, 20), (20, 20), (7, 112), (20, 112), (112, 112)]
    assert sum(row['inside'] for row in rows) >= 5
    assert max(row['ece'] for row in rows) < .15  # 20 people
    for row in rows:
        assert row['far_low'] <= row['far'] <= row['far_high']
        assert row['expected_low'] <= .1 <= row['expected_high']
        assert row['inside'] == (row['expected_low'] <= row['far'] <= row['expected_high'])
        assert abs(row['frr'] - row['frr_promised']) < .25
    path = threshold_figure(calibration, tmp_path, fars=(.1, .02, 1e-6))
    table = pd.read_csv(path.with_suffix('.csv'))
    assert sorted(set(table.far)) == [.02, .1]  # 20 people say nothing of 1e-6
    row = table[(table.far == .1) & (table.smaller == 7) & (table.larger == 112)].iloc[0]
    assert row.threshold == pytest.approx(calibration.threshold((7, 112), .1), abs=1e-4)


def simulated(people, seed, common=2., dims=24):
    """Unit vectors by size: a person's direction, a common one that is nearer to some people than
    to others, and noise that grows as the face shrinks.
    """
    rng = np.random.default_rng(seed)
    identities = np.repeat(np.arange(people), 3)
    who = rng.standard_normal((people, dims))
    who[:, 0] += rng.exponential(common, people)
    out = {}
    for size in (7, 112):
        noisy = who[identities] + (.3 + 6 / size) * rng.standard_normal((len(identities), dims))
        out[size] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return out, identities


def test_the_interval_of_the_check_holds_in_95_of_100_splits():
    table = repeated_checks(*simulated(900, 0), people=15, far=.03)
    cells, summary = coverage(table)
    assert len(table) == 90 and cells[['small', 'large']].to_numpy().tolist() == [
        [7, 7], [7, 112], [112, 112]]
    assert summary['inside'] > .92 and summary['low'] < summary['inside'] <= summary['high'] <= 1
    assert summary['inside'] == pytest.approx(table.inside.mean())


def test_a_calibration_of_other_people_is_found_out():
    """Thresholds of people who are all different do not hold for people some of whom are alike."""
    calibration = SizeCalibration.fit(*simulated(100, 1, common=0.))
    rows = check_calibration(calibration, *simulated(100, 2, common=4.), far=.03)
    assert all(row['far'] > row['expected_high'] and not row['inside'] for row in rows)


def test_nobody_is_in_two_groups():
    labels = np.repeat(np.arange(10), 2)
    groups = list(disjoint_groups(labels, 2))
    seen = [set(labels[part]) for pair in groups for part in pair]
    assert [len(people) for people in seen] == [2] * 4 and len(set.union(*seen)) == 8
    for people in (1, 6):
        with pytest.raises(InputError, match=f'two groups of {people} people .* there are 10'):
            next(disjoint_groups(labels, people))
