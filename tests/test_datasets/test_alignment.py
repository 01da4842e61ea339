import json
import multiprocessing
import os
import re
import runpy
import shutil
import struct
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from lrfr_mm.datasets import FaceDataset, FolderFaces, SyntheticFaces
from lrfr_mm.datasets.alignment import (
    Detection,
    FaceAligner,
    FaceDetector,
    MTCNNDetector,
    YuNetDetector,
    batch,
    build_detector,
    read_landmarks,
)
from lrfr_mm.datasets.alignment.aligner import choose_face
from lrfr_mm.datasets.alignment.batch import AlignSettings, align_folder, find_images
from lrfr_mm.datasets.alignment.manifest import read_manifest
from lrfr_mm.datasets.alignment.mtcnn import _suppress, _suppress_contained
from lrfr_mm.datasets.alignment.sheet import report_lines, worst_sheet
from lrfr_mm.datasets.decode import decode
from lrfr_mm.errors import InputError, InputExistsError, InputMissingError
from lrfr_mm.ops.align import TEMPLATE, centre_crop, fit_template
from lrfr_mm.registry import TRANSFORMS
from tests.processes import run_apart

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


class Hangs(Brightest):
    """Finds seven faces in another process than the test's, and then waits for its end."""

    test, found = os.getpid(), 0

    def detect(self, image):
        self.found += 1
        while self.found > 7 and os.getpid() != self.test:
            time.sleep(1)
        return super().detect(image)


def test_an_alignment_that_was_killed_goes_on(tmp_path):
    run_apart('tests.test_datasets.test_alignment', 'kill_and_go_on', tmp_path)


def kill_and_go_on(folder):
    """The test, in a process whose copies hold no locks of pytest's threads."""
    tmp_path, batch._CHUNK = Path(folder), 3
    (tmp_path / 'in').mkdir()
    for k in range(14):
        cv2.imwrite(str(tmp_path / 'in' / f'{k:02d}.png'), square(60 + k, 20 + k, 30))
    settings = AlignSettings(Hangs())
    killed, whole = str(tmp_path / 'killed'), str(tmp_path / 'whole')
    process = multiprocessing.get_context('fork').Process(
        target=align_folder, args=(str(tmp_path / 'in'), killed, settings, 1, False))
    process.start()
    rows = tmp_path / 'killed.part' / '.rows'
    while len(list(rows.glob('[!.]*.json'))) < 2 and process.is_alive():
        time.sleep(.02)
    process.kill()
    process.join()
    before = {path.name: path.stat().st_mtime_ns for path in rows.glob('[!.]*.json')}
    assert len(before) == 2 and not Path(killed).exists()
    seen, row = [], batch.AlignWork.row
    batch.AlignWork.row = lambda self, name: (seen.append(name), row(self, name))[1]
    done = align_folder(str(tmp_path / 'in'), killed, settings, progress=False)
    assert len(seen) == 14 - 3 * len(before)  # only what was missing
    undisturbed = align_folder(str(tmp_path / 'in'), whole, settings, progress=False)
    assert [row['source'] for row in done] == [f'{k:02d}.png' for k in range(14)]
    assert json.dumps(done) == json.dumps(undisturbed)
    for path in Path(whole).glob('*.png'):
        assert path.read_bytes() == Path(killed, path.name).read_bytes()
    assert sorted(p.name for p in Path(killed).iterdir()) == sorted(
        p.name for p in Path(whole).iterdir())
    assert not list(tmp_path.glob('*.part'))


def test_another_runs_beginning_is_refused(photographs):
    points = (str(photographs / 'points.txt'), 'table', None)
    (photographs / 'out.part').mkdir()
    (photographs / 'out.part' / '.plan.json').write_text('{"other": 1}')
    (photographs / 'out.part' / 'x.png').write_bytes(b'x')
    with pytest.raises(InputExistsError, match='beginning of another run'):
        align_folder(str(photographs / 'in'), str(photographs / 'out'),
                     AlignSettings(None, landmarks=points), progress=False)


def test_bad_photographs_have_a_row_that_says_why_and_end_nothing(tmp_path):
    root = tmp_path / 'in'
    root.mkdir()
    good = cv2.imencode('.png', square(60, 20, 30))[1].tobytes()
    (root / 'good.png').write_bytes(good)
    (root / 'empty.png').write_bytes(b'')
    (root / 'cut.png').write_bytes(good[:len(good) // 2])
    (root / 'text.jpg').write_text('hello')
    bomb = bytearray(cv2.imencode('.bmp', np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    bomb[18:26] = struct.pack('<ii', 60000, 60000)
    (root / 'bomb.bmp').write_bytes(bomb)
    os.mkfifo(root / 'pipe.jpg')
    (root / 'nowhere.jpg').symlink_to(tmp_path / 'gone')
    (root / 'loop').symlink_to(root)
    (root / '.hidden').mkdir()
    (root / '.hidden' / 'a.png').write_bytes(good)
    (root / '._good.png').write_bytes(good)
    rows = {row['source']: row for row in align_folder(
        str(root), str(tmp_path / 'out'), AlignSettings(Brightest()), progress=False)}
    assert set(rows) == {'good.png', 'empty.png', 'cut.png', 'text.jpg', 'bomb.bmp', 'pipe.jpg',
                         'nowhere.jpg'}
    assert rows.pop('good.png')['policy'] == 'detected'
    for name, row in rows.items():
        assert row['output'] is None and row['note'], name
        assert row['policy'] == 'unreadable' or (name == 'cut.png' and row['policy'] == 'skipped')
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['good.png', 'manifest.parquet']
    assert any('unreadable' in line for line in report_lines(list(rows.values())))


class Broken(FaceDetector):
    def detect(self, image):
        raise cv2.error('a library fails')


def test_a_detector_that_fails_on_a_photograph_is_noted(tmp_path):
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in' / 'a.png'), square(60, 20, 30))
    rows = align_folder(str(tmp_path / 'in'), str(tmp_path / 'out'), AlignSettings(Broken()),
                        progress=False)
    assert rows[0]['policy'] == 'failed' and 'a library fails' in rows[0]['note']


def test_flip_check_measures_the_drift_of_landmarks(tmp_path):
    class Drifting(Brightest):
        """Finds every landmark 3 px too far to the right."""

        def detect(self, image):
            faces = super().detect(image)
            for face in faces:
                face.landmarks = face.landmarks + [3., 0.]
            return faces

    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in' / 'a.png'), square(112, 20, 30))
    for k, (detector, drift) in enumerate(((Brightest(), 0), (Drifting(), 6))):
        row = align_folder(str(tmp_path / 'in'), str(tmp_path / f'out{k}'),
                           AlignSettings(detector, flip_check=True), progress=False)[0]
        # 3 px to the right in both pictures are 6 px apart, as the eyes are 35.24. What the
        # template, which is not symmetric, differs from its mirror image adds to it.
        other = TEMPLATE[[1, 0, 2, 4, 3]] * [-1, 1] + [111 - drift, 0]
        want = np.linalg.norm(other - TEMPLATE, axis=1).mean() / 35.24
        assert row['flip_error'] == pytest.approx(want, abs=.03)
        assert (row['flip_error'] > .1) == bool(drift)
    row = align_folder(str(tmp_path / 'in'), str(tmp_path / 'none'), AlignSettings(Brightest()),
                       progress=False)[0]
    assert row['flip_error'] is None


def test_aligned_faces_bring_landmarks_of_the_crop_to_the_batch(photographs):
    from lrfr_mm.datasets import face_collate
    from lrfr_mm.datasets.sources import AlignedFaces
    settings = AlignSettings(None, landmarks=(str(photographs / 'points.txt'), 'table', None))
    out = photographs / 'out'
    align_folder(str(photographs / 'in'), str(out), settings, progress=False)
    faces, drawn = AlignedFaces(out), SyntheticFaces(3, 2)
    assert faces.num_classes == 3 and len(faces) == 6
    for i in range(6):
        number = int(Path(faces.name(i)).stem[1:])
        # Drawn faces lie on the template already, up to the alignment of each.
        assert np.abs(faces.landmarks(i) - drawn.landmarks(number)).max() < 6
        matrix, _ = fit_template(drawn.landmarks(number))
        want = drawn.landmarks(number) @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(faces.landmarks(i), want, atol=.01)
    dataset = FaceDataset(faces, [dict(type='MultiResAug', flip='independent')], landmarks=True)
    batch = face_collate([dataset[i] for i in range(6)])['data_samples']
    assert batch.landmarks.shape == batch.landmarks_lr.shape == (6, 5, 2)
    assert (batch.landmarks[:, 0, 0] < batch.landmarks[:, 1, 0]).all()  # mirrored ones swap sides
    with pytest.raises(InputError, match='knows no landmarks'):
        FaceDataset(FolderFaces(out), landmarks=True)


def test_images_without_landmarks(photographs):
    from lrfr_mm.datasets.sources import AlignedFaces
    lines = (photographs / 'points.txt').read_text().splitlines()
    (photographs / 'points.txt').write_text('\n'.join(lines[:5]))
    settings = AlignSettings(Brightest(least=999), 'centre',
                             landmarks=(str(photographs / 'points.txt'), 'table', None))
    out = photographs / 'out'
    align_folder(str(photographs / 'in'), str(out), settings, progress=False)
    with pytest.raises(InputError, match=r'ü5\.png \(1 of 6 images\)'):
        AlignedFaces(out)
    assert len(AlignedFaces(out, missing='skip')) == 5
    np.testing.assert_allclose(AlignedFaces(out, missing='template').landmarks(5), TEMPLATE,
                               rtol=1e-6)
    with pytest.raises(InputMissingError, match=r'manifest\.parquet does not exist'):
        AlignedFaces(photographs / 'in')


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
    dataset = FaceDataset(FolderFaces(tmp_path), [dict(type='AlignFace', detector=Brightest())])
    with pytest.raises(ValueError, match=r'image 0 \(ann/1.png\): no face'):
        dataset[0]


def run_command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, 'argv', ['align_faces.py', *map(str, arguments), '--workers', '1'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools' / 'align_faces.py'), run_name='__main__')
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def test_command_on_photographs(mtcnn, faces_root, tmp_path, monkeypatch, capsys):
    for k in (1, 2, 3):
        photograph = faces_root / 'lfw_mini' / 'Tony_Blair' / f'Tony_Blair_{k:04d}.jpg'
        (tmp_path / 'in' / 'Tony Blair').mkdir(parents=True, exist_ok=True)
        shutil.copy(photograph, tmp_path / 'in' / 'Tony Blair')
    code, out, _ = run_command(monkeypatch, capsys, tmp_path / 'in', tmp_path / 'out',
                               '--flip-check')
    assert code == 0 and 'detected            3  100.0 %' in out
    drift = re.search(r'mirrored photograph, eye distances: mean (\S+),', out)
    rows = read_manifest(tmp_path / 'out')
    assert float(drift[1]) == pytest.approx(np.mean([row['flip_error'] for row in rows]), abs=.001)
    assert 0 < float(drift[1]) < .08
    assert len(list((tmp_path / 'out' / 'Tony Blair').glob('*.png'))) == 3
    assert cv2.imread(str(tmp_path / 'out' / 'worst.png')).shape == (142, 1208, 3)
    code, _, err = run_command(monkeypatch, capsys, tmp_path / 'no', tmp_path / 'x')
    assert code == 2 and 'is not a directory' in err
    code, _, err = run_command(monkeypatch, capsys, tmp_path / 'in', tmp_path / 'out')
    assert code == 2 and 'nothing is overwritten' in err


def test_min_face_is_the_least_size(mtcnn, faces_root, tmp_path, monkeypatch, capsys):
    image = cv2.imread(str(faces_root / 'lfw_mini' / 'Tony_Blair' / 'Tony_Blair_0001.jpg'))
    (tmp_path / 'in').mkdir()
    # The face is 120 px high in 250: 48 px here.
    cv2.imwrite(str(tmp_path / 'in' / 'a.png'), cv2.resize(image, (100, 100),
                                                           interpolation=cv2.INTER_AREA))
    for least, found in ((20, 'detected'), (90, 'skipped')):
        code, out, _ = run_command(monkeypatch, capsys, tmp_path / 'in', tmp_path / f'{least}',
                                   '--min-face', least)
        assert code == 0 and found in out
        assert [row['policy'] for row in read_manifest(tmp_path / f'{least}')] == [found]
