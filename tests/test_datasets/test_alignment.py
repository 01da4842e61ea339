import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from lrfr_mm.datasets import FaceDataset, SyntheticFaces
from lrfr_mm.datasets.alignment import (
    Detection,
    FaceAligner,
    FaceDetector,
    MTCNNDetector,
    YuNetDetector,
    build_detector,
    read_landmarks,
)
from lrfr_mm.datasets.alignment.aligner import choose_face
from lrfr_mm.datasets.alignment.batch import AlignSettings, align_folder, find_images, worst_sheet
from lrfr_mm.datasets.alignment.mtcnn import _suppress, _suppress_contained
from lrfr_mm.datasets.decode import decode
from lrfr_mm.ops.align import TEMPLATE, centre_crop
from lrfr_mm.registry import TRANSFORMS

ROOT = Path(__file__).parents[2]


class Brightest(FaceDetector):
    """Finds a white square and takes the template's points in it for its landmarks."""

    def __init__(self, least=20):
        self.least = least

    def detect(self, image):
        rows, cols = np.nonzero(image[..., 0] > 200)
        if len(rows) == 0 or np.ptp(rows) < self.least:
            return []
        x, y, side = cols.min(), rows.min(), np.ptp(rows) + 1
        box = np.array([x, y, x + side, y + side], float)
        return [Detection(box, TEMPLATE / 112 * side + [x, y] - .5 + .5 * side / 112, .9)]


def square(side, x, y, size=300):
    image = np.zeros((size, size, 3), np.uint8)
    image[y:y + side, x:x + side] = 255
    return image


def test_detected_face_fills_the_crop():
    result = FaceAligner(Brightest())(square(150, 60, 80))
    assert result.policy == 'detected' and result.faces == 1 and result.score == .9
    assert result.residual < 1e-6 and abs(result.native - 150) < 1e-6
    assert (result.image[2:-2, 2:-2] > 250).all()


@pytest.mark.parametrize(('missing', 'policy'), [('skip', 'skipped'), ('centre', 'centre')])
def test_policies_for_what_is_not_found(missing, policy):
    image = square(10, 30, 30, 90)
    result = FaceAligner(Brightest(), missing)(image)
    assert result.policy == policy and np.isnan(result.score)
    if missing == 'centre':
        np.testing.assert_array_equal(result.image, centre_crop(image))
        assert result.native == 90
    else:
        assert result.image is None


def test_pad_enlarges_looks_again_and_reports_in_px_of_the_photograph():
    small = square(12, 6, 9, 24)  # too small for the detector as it is
    aligner = FaceAligner(Brightest(least=40), 'pad')
    result = aligner(small)
    assert result.policy.startswith('retry@')
    np.testing.assert_allclose(result.landmarks, TEMPLATE / 112 * 12 + [6, 9] - .5 + 6 / 112,
                               atol=.7)
    assert aligner(np.zeros((24, 24, 3), np.uint8)).policy == 'centre'


def test_chooses_the_large_face_near_the_middle():
    def face(x, y, side):
        return Detection(np.array([x, y, x + side, y + side], float), TEMPLATE, .99)

    middle, edge, small = face(80, 80, 60), face(0, 0, 62), face(95, 95, 20)
    assert choose_face([edge, small, middle], 220, 220) is middle


def test_overlapping_boxes_are_suppressed():
    boxes = np.array([[0, 0, 9, 9, .5], [1, 1, 10, 10, .9], [30, 30, 39, 39, .7],
                      [2, 2, 6, 6, .8]], float)
    # Overlaps of the union: first two 81 of 119; the small one lies in both: 25 of 100.
    assert _suppress(boxes, .5).tolist() == [1, 3, 2]
    assert _suppress_contained(boxes, .5) == [1, 2]


def test_unknown_policy_detector_and_model(tmp_path):
    with pytest.raises(ValueError, match='missing must be one of'):
        FaceAligner(None, 'guess')
    with pytest.raises(ValueError, match=r'detector must be one of .*mtcnn.*yunet'):
        build_detector(dict(type='dlib'))
    with pytest.raises(FileNotFoundError, match='model zoo'):
        YuNetDetector(str(tmp_path / 'no.onnx'))
    (tmp_path / 'bad.onnx').write_bytes(b'hello')
    with pytest.raises(ValueError, match='not a YuNet model'):
        YuNetDetector(str(tmp_path / 'bad.onnx'))
    with pytest.raises(ValueError, match='there is no detector'):
        FaceAligner()(square(50, 10, 10))


@pytest.fixture(scope='module')
def mtcnn():
    try:
        return MTCNNDetector()
    except ImportError as error:
        pytest.skip(str(error))


def test_mtcnn_finds_photographed_faces_and_agrees_with_their_mirror_images(mtcnn, faces_root):
    distances, found = [], 0
    for path in sorted((faces_root / 'lfw_mini').glob('*/*_000[1-3].jpg')):
        image = decode(path.read_bytes(), 'pillow')
        one = FaceAligner(mtcnn)(image)
        two = FaceAligner(mtcnn)(np.ascontiguousarray(image[:, ::-1]))
        if one.image is None or two.image is None:
            continue
        found += 1
        back = two.landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [image.shape[1] - 1, 0]
        eyes = np.linalg.norm(one.landmarks[1] - one.landmarks[0])
        distances.append((back - one.landmarks) / eyes)
        assert (one.landmarks[0, 0] < one.landmarks[1, 0])
        assert one.landmarks[2, 1] > one.landmarks[:2, 1].mean()
    assert found == 30
    distances = np.array(distances)
    assert np.linalg.norm(distances, axis=2).mean() < .06
    assert abs(distances[..., 0].mean()) < .02  # no drift to one side


def test_mtcnn_on_small_and_empty_images(mtcnn):
    assert mtcnn.detect(np.zeros((8, 8, 3), np.uint8)) == []
    assert mtcnn.detect(np.full((64, 200, 3), 128, np.uint8)) == []


def test_landmark_files(tmp_path):
    path = tmp_path / 'celeba.txt'
    path.write_text('2\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y\n'
                    '000001.jpg 69 109 106 113 77 142 73 152 108 154\n'
                    '000002.jpg 69 110 107 112 81 135 70 151 108 153\n')
    found = read_landmarks(str(path), 'celeba')
    np.testing.assert_array_equal(found['000001'], [[69, 109], [106, 113], [77, 142], [73, 152],
                                                    [108, 154]])
    path.write_text('001_frontal,10,20,30,20\n002_cam1_1\t1 2\t3 2\t2 3\t2 4\n')
    found = read_landmarks(str(path), 'table')
    assert found['001_frontal'].shape == (2, 2) and found['002_cam1_1'].shape == (4, 2)
    path.write_text('name 1 2 3\n')
    with pytest.raises(ValueError, match='line 1'):
        read_landmarks(str(path), 'table')
    (tmp_path / 'cfp' / '001').mkdir(parents=True)
    points = np.arange(60).reshape(30, 2)
    np.savetxt(tmp_path / 'cfp' / '001' / '01.txt', points, delimiter=',')
    with pytest.raises(ValueError, match='say by groups'):
        read_landmarks(str(tmp_path / 'cfp'), 'files')
    found = read_landmarks(str(tmp_path / 'cfp'), 'files', [[0, 1], [2, 3], [4], [5], [6]])
    np.testing.assert_array_equal(found['001/01'], [[1, 2], [5, 6], [8, 9], [10, 11], [12, 13]])
    with pytest.raises(FileNotFoundError):
        read_landmarks(str(tmp_path / 'none'), 'table')
    with pytest.raises(ValueError, match='layout must be'):
        read_landmarks(str(path), 'xml')


@pytest.fixture
def photographs(tmp_path):
    """Drawn faces with known landmarks, shifted into larger pictures; one file is no image."""
    source, lines = SyntheticFaces(3, 2), []
    for i in range(6):
        face = decode(source.read(i)[0])
        picture = np.zeros((200, 220, 3), np.uint8)
        picture[40:152, 50:162] = face
        path = tmp_path / 'in' / f'p {i // 2}' / f'ü{i}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode('.jpg', picture[..., ::-1])[1].tobytes())
        points = source.landmarks(i) + [50, 40]
        lines.append(f'ü{i}.jpg ' + ' '.join(f'{v:.3f}' for v in points.ravel()))
    (tmp_path / 'points.txt').write_text('\n'.join(lines) + '\n')
    (tmp_path / 'in' / 'p 0' / 'broken.png').write_bytes(b'hello')
    return tmp_path


def test_a_folder_with_landmarks_becomes_aligned_images_and_a_manifest(photographs):
    import pyarrow.parquet
    settings = AlignSettings(None, landmarks=(str(photographs / 'points.txt'), 'table', None))
    out = photographs / 'out'
    rows = align_folder(str(photographs / 'in'), str(out), settings, progress=False)
    table = pyarrow.parquet.read_table(out / 'manifest.parquet')
    assert json.loads(table.schema.metadata[b'settings'])['missing'] == 'skip'
    by_name = {row['source']: row for row in table.to_pylist()}
    assert by_name['p 0/broken.png']['policy'] == 'unreadable'
    assert 'image' in by_name['p 0/broken.png']['note']
    good = [row for row in by_name.values() if row['policy'] == 'given']
    assert len(good) == 6 == len(list(out.rglob('*.png')))
    source = SyntheticFaces(3, 2)
    for row in good:
        i = int(Path(row['source']).stem[1:])
        crop = cv2.imread(str(out / row['output']))
        assert crop.shape == (112, 112, 3) and row['residual'] < 12
        # The drawn face was aligned already: aligning it by its own points changes little.
        drawn = decode(source.read(i)[0])[..., ::-1]
        assert np.abs(crop[20:90, 20:90].astype(float) - drawn[20:90, 20:90]).mean() < 30
    assert worst_sheet(str(out), rows).shape[2] == 3
    with pytest.raises(FileExistsError, match='nothing is overwritten'):
        align_folder(str(photographs / 'in'), str(out), settings)


def test_an_interrupted_alignment_goes_on(photographs, monkeypatch):
    from lrfr_mm.datasets.alignment import batch
    settings = AlignSettings(None, landmarks=(str(photographs / 'points.txt'), 'table', None))
    arguments = (str(photographs / 'in'), str(photographs / 'out'), settings)
    monkeypatch.setattr(batch, '_CHUNK', 3)
    monkeypatch.setattr(batch._Worker, 'row', None)
    with pytest.raises(TypeError):
        align_folder(*arguments, progress=False)
    assert not (photographs / 'out').exists()
    monkeypatch.undo()
    monkeypatch.setattr(batch, '_CHUNK', 3)
    assert len(align_folder(*arguments, progress=False)) == 7
    assert not (photographs / 'out.part').exists()


def test_find_images_and_clashing_names(tmp_path):
    with pytest.raises(FileNotFoundError):
        find_images(str(tmp_path / 'no'))
    with pytest.raises(ValueError, match='no image'):
        find_images(str(tmp_path))
    for name in ('a.jpg', 'a.png'):
        (tmp_path / name).write_bytes(b'x')
    with pytest.raises(ValueError, match='would both become'):
        align_folder(str(tmp_path), str(tmp_path / 'out'), AlignSettings(Brightest()))


def test_the_transform_uses_landmarks_and_says_what_is_missing():
    transform = TRANSFORMS.build(dict(type='AlignFace'))
    image = square(112, 50, 40)
    result = transform(dict(img=image, landmarks=TEMPLATE + [50, 40]))
    assert result['img'].shape == (112, 112, 3) and result['alignment'] == 'given'
    assert (result['img'][2:-2, 2:-2] == 255).all()
    with pytest.raises(ValueError, match='no landmarks'):
        transform(dict(img=image))
    transform = TRANSFORMS.build(dict(type='AlignFace', detector=Brightest(), missing='error'))
    with pytest.raises(ValueError, match='no face'):
        transform(dict(img=np.zeros((50, 50, 3), np.uint8)))


def test_aligning_in_the_pipeline_names_the_image(tmp_path):
    (tmp_path / 'ann').mkdir()
    cv2.imwrite(str(tmp_path / 'ann' / '1.png'), np.zeros((50, 50, 3), np.uint8))
    from lrfr_mm.datasets import FolderFaces
    dataset = FaceDataset(FolderFaces(tmp_path), [dict(type='AlignFace', detector=Brightest())])
    with pytest.raises(ValueError, match=r'image 0 \(ann/1.png\): no face'):
        dataset[0]


def test_command_on_photographs(mtcnn, faces_root, tmp_path):
    shutil.copytree(faces_root / 'lfw_mini' / 'Tony_Blair', tmp_path / 'in' / 'Tony Blair')
    done = subprocess.run([sys.executable, 'tools/align_faces.py', tmp_path / 'in',
                           tmp_path / 'out', '--flip-check', '--workers', '1'], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'detected' in done.stdout and '100.0 %' in done.stdout
    assert len(list((tmp_path / 'out' / 'Tony Blair').glob('*.png'))) == 10
    assert (tmp_path / 'out' / 'worst.png').is_file()
    bad = subprocess.run([sys.executable, 'tools/align_faces.py', tmp_path / 'no', tmp_path / 'x'],
                         cwd=ROOT, capture_output=True, text=True)
    assert bad.returncode == 2 and 'is not a folder' in bad.stderr
