"""The chain from photographs, with detectors whose errors are known."""
import cv2
import numpy as np
import pytest

from lrfr_mm.analysis.photograph_chain import Policy, chain_figure, photograph_chain
from lrfr_mm.datasets.alignment import Detection, FaceDetector
from lrfr_mm.datasets.sources import SyntheticFaces
from lrfr_mm.errors import InputError
from lrfr_mm.ops.align import TEMPLATE


class Centred(FaceDetector):
    """Knows that the face lies in the middle 112 of 200 px; errs and gives up as told."""

    def __init__(self, shift=0., smallest=0.):
        self.shift, self.smallest = shift, smallest

    def detect(self, image):
        scale = image.shape[0] / 200
        if 112 * scale < self.smallest:
            return []
        points = (TEMPLATE + 44 + .5) * scale - .5
        points = points + self.shift * np.linalg.norm(points[0] - points[1])
        return [Detection(np.array([44, 44, 156, 156]) * scale, points, .9)]


class Pixels:
    size = 112

    def embed(self, images):
        small = np.stack([cv2.resize(i, (14, 14), interpolation=cv2.INTER_AREA)[4:].ravel()
                          for i in images]).astype(float)
        small -= small.mean(1, keepdims=True)
        return small / np.linalg.norm(small, axis=1, keepdims=True)


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    root = tmp_path_factory.mktemp('photographs')
    source = SyntheticFaces(6, 3)
    for i in range(len(source)):
        face = cv2.imdecode(np.frombuffer(source.read(i)[0], np.uint8), 1)
        picture = np.full((200, 200, 3), 90, np.uint8)
        picture[44:156, 44:156] = face
        folder = root / f'p{i // 3}'
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f'{i}.png'), picture)
    return root


@pytest.fixture(scope='module')
def table(photographs):
    policies = [Policy('exact', Centred()), Policy('off', Centred(shift=.2)),
                Policy('blind below 15', Centred(smallest=15))]
    return photograph_chain(Pixels(), str(photographs), policies, (7, 20), reference=Centred(),
                            progress=False)


def row(table, size, policy):
    (found,) = table[(table['size'] == size) & (table.policy == policy)].to_dict('records')
    return found


def test_an_exact_detector_loses_nothing_to_the_crops(table):
    for size in (7, 20):
        exact = row(table, size, 'exact')
        assert exact['found'] == exact['aligned'] == 1
        assert exact['landmark_error'] < .01
        assert exact['chain_auc'] == exact['found_only_auc'] == pytest.approx(exact['crop_auc'],
                                                                             abs=.02)


def test_shifted_landmarks_are_told_as_misalignment(table):
    off = row(table, 20, 'off')
    assert off['found'] == 1 and off['aligned'] == 0
    assert off['landmark_error'] == pytest.approx(.2 * 2 ** .5, abs=.01)
    assert off['chain_auc'] < off['crop_auc']


def test_faces_that_are_not_found_count_as_rejected(table):
    blind = row(table, 7, 'blind below 15')
    assert blind['found'] == 0 and np.isnan(blind['found_only_auc'])
    assert blind['chain_auc'] == .5 and blind['chain_tar'] == 0
    assert row(table, 20, 'blind below 15')['found'] == 1


def test_full_size_comes_first(table, tmp_path):
    full = table.iloc[0]
    assert full['size'] == 0 and full.crop_auc >= table.crop_auc[1:].max()
    assert chain_figure(table, tmp_path).is_file()


def test_too_few_people_are_refused(photographs):
    with pytest.raises(InputError, match='at least two people'):
        photograph_chain(Pixels(), str(photographs), [], (7,), reference=Centred(smallest=999),
                         progress=False)
