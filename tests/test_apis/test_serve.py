"""The API: what it answers, what it refuses, and that it keeps nothing."""
import base64
import struct
import threading
import zlib

import cv2
import numpy as np
import pytest

pytest.importorskip('fastapi')
pytest.importorskip('httpx')
from fastapi.testclient import TestClient

from lrfr_mm.apis.gallery import SQLiteGallery
from lrfr_mm.apis.inferencer import FaceInferencer
from lrfr_mm.apis.serve import FaceService, Limits, create_app
from lrfr_mm.evaluation.calibration import SizeCalibration
from lrfr_mm.ops.resample import degrade_array
from tests.test_apis.test_inferencer import Marker, Mean, picture


@pytest.fixture(scope='module')
def calibration():
    rng = np.random.default_rng(0)
    identities = np.repeat(np.arange(60), 4)
    who = rng.standard_normal((60, 3))[identities]
    embeddings = {}
    for size in (7, 112):
        noisy = who + (.05 + 1 / size) * rng.standard_normal(who.shape)
        embeddings[size] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    return SizeCalibration.fit(embeddings, identities, fingerprint='abc')


@pytest.fixture
def client(monkeypatch, calibration, tmp_path):
    import lrfr_mm.apis.inferencer.face_inferencer as module
    monkeypatch.setattr(module, 'Embedder', Mean)
    inferencer = FaceInferencer(Mean(), detector=Marker(), show_progress=False)
    gallery = SQLiteGallery(tmp_path / 'gallery', 3, 'abc')
    service = FaceService(inferencer, calibration, gallery, Limits(megabytes=1, megapixels=1))
    return TestClient(create_app(service))


def encoded(image, suffix='.png'):
    return cv2.imencode(suffix, image[..., ::-1])[1].tobytes()


def files(**pictures):
    return {name: (name, encoded(image), 'image/png') for name, image in pictures.items()}


def test_faces_have_boxes_in_the_picture_and_an_aligned_image(client):
    answer = client.post('/api/faces', files=files(picture=picture(((60, 60), (160, 50))))).json()
    assert (answer['width'], answer['height']) == (300, 120)
    assert [face['score'] for face in answer['faces']] == [.6, .5]
    face = answer['faces'][1]
    np.testing.assert_allclose(face['box'], [32, 32, 88, 88], atol=1)
    data = base64.b64decode(face['image'].partition(',')[2])
    assert cv2.imdecode(np.frombuffer(data, np.uint8), 1).shape == (112, 112, 3)
    np.testing.assert_allclose(np.linalg.norm(face['embedding']), 1, rtol=1e-5)


def test_large_pictures_are_searched_smaller_and_told_in_their_own_pixels(client):
    image = cv2.resize(picture(), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    service_limit = Limits(megabytes=1, megapixels=1, longest_side=300)
    inferencer = FaceInferencer(Mean(), detector=Marker(), show_progress=False)
    faces, (width, _) = FaceService(inferencer, limits=service_limit).faces(encoded(image))
    assert width == 900
    np.testing.assert_allclose(faces[0].box, [96, 96, 264, 264], atol=4)
    assert faces[0].size == pytest.approx(168, abs=2)


def test_verify_gives_similarity_sizes_and_decision(client, calibration):
    answer = client.post('/api/verify', files=files(first=picture(), second=picture(((80, 70),))),
                         data=dict(far=.05)).json()
    assert answer['sizes'] == pytest.approx([56, 56])
    want = calibration.decide(answer['similarity'], (56, 56), .05)
    assert answer['decision']['match'] == want.match
    assert answer['decision']['threshold'] == pytest.approx(want.threshold)
    assert answer['decision']['words'] == want.in_words()


def test_a_rate_that_is_not_known_is_a_problem_not_a_number(client):
    answer = client.post('/api/verify', files=files(first=picture(), second=picture()),
                         data=dict(far=1e-6)).json()
    assert 'needs more people' in answer['decision']['problem']


def test_sweep_shrinks_the_second_face(client):
    face = client.post('/api/faces', files=files(picture=picture())).json()['faces'][0]['image']
    rows = client.post('/api/sweep', json=dict(first=face, second=face, sizes=[56, 56])).json()
    assert [rows[0]['resolution'], rows[-1]['resolution']] == [7, 112]
    assert rows[-1]['similarity'] == pytest.approx(1, abs=1e-5)
    data = base64.b64decode(rows[0]['image'].partition(',')[2])
    shrunk = cv2.imdecode(np.frombuffer(data, np.uint8), 1)[..., ::-1]
    original = cv2.imdecode(np.frombuffer(base64.b64decode(face.partition(',')[2]), np.uint8), 1)
    np.testing.assert_array_equal(shrunk, degrade_array(
        np.ascontiguousarray(original[..., ::-1]), 7))
    assert rows[0]['decision']['sizes'] == [7, 56]


def test_people_are_enrolled_identified_and_deleted(client):
    enrol = dict(files=files(picture=picture()), data=dict(name='Ann', consent='form 1'))
    assert client.post('/api/people', **enrol).json()['pictures'] == 1
    assert [p['name'] for p in client.get('/api/people').json()] == ['Ann']
    found = client.post('/api/identify', files=files(picture=picture()),
                        data=dict(fpir=.3)).json()['faces']
    assert found[0]['person'] == 'Ann' and found[0]['candidate']['score'] > .99
    finest = client.get('/health').json()['finest_fpir']
    for fpir, known in ((finest * 1.001, True), (finest * .99, False)):
        (face,) = client.post('/api/identify', files=files(picture=picture()),
                              data=dict(fpir=fpir)).json()['faces']
        assert (face['problem'] is None) == known
    assert client.delete('/api/people/Ann').json() == dict(deleted='Ann')
    assert client.delete('/api/people/Ann').status_code == 404
    assert client.post('/api/identify', files=files(picture=picture())).json()[
        'faces'][0]['person'] is None


def png_header(width, height):
    body = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + body
            + struct.pack('>I', zlib.crc32(body)) + b'\0' * 64)


@pytest.mark.parametrize('path, data, status, text', [
    ('/api/faces', b'', 422, ''), ('/api/faces', b'not a picture', 422, 'not a picture'),
    ('/api/faces', b'\xff\xd8\xff\xe0broken', 422, 'picture|whole'),
    ('/api/faces', png_header(10000, 10000), 422, '10000x10000 px; at most 1 megapixels'),
    ('/api/faces', b'x' * 1_100_000, 413, 'larger than 1 MB'),
    ('/api/people', encoded(picture(())), 422, 'shows 0 faces'),
    ('/api/people', encoded(picture(((60, 60), (160, 60)))), 422, 'shows 2 faces')])
def test_uploads_that_are_refused(client, path, data, status, text):
    answer = client.post(path, files=dict(picture=('x', data, 'image/png')), data=dict(name='Ann'))
    assert answer.status_code == status
    import re
    assert re.search(text, str(answer.json()['detail']))


@pytest.mark.parametrize('body', [
    b'', b'--x', b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\nhalf',
    b'no multipart at all'])
def test_an_upload_that_breaks_off_is_refused(client, body):
    answer = client.post('/api/faces', content=body,
                         headers={'Content-Type': 'multipart/form-data; boundary=x'})
    assert answer.status_code in (400, 422) and answer.json()['detail']


def test_of_many_faces_the_first_are_looked_at(client):
    inferencer = FaceInferencer(Mean(), detector=Marker(), show_progress=False)
    many = picture([(60 + 100 * k, 60) for k in range(9)], (120, 900))
    faces, _ = FaceService(inferencer, limits=Limits(faces=4)).faces(encoded(many))
    assert [face.score for face in faces] == pytest.approx([1.3, 1.2, 1.1, 1.])
    assert all(face.embedding is not None for face in faces)


def test_people_are_enrolled_at_the_same_time(client):
    answers = [None] * 12

    def enroll(k):
        answers[k] = client.post('/api/people', files=files(picture=picture()),
                                 data=dict(name=f'Person {k}')).status_code

    threads = [threading.Thread(target=enroll, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 12 and len(client.get('/api/people').json()) == 12


def test_no_face_is_said_of_which_picture(client):
    answer = client.post('/api/verify', files=files(first=picture(), second=picture(())))
    assert answer.status_code == 422 and 'second picture' in answer.json()['detail']


@pytest.mark.parametrize('body', [
    dict(first='x', second='x', sizes=[1, 2]), dict(first='data:image/png;base64,%%', second='x',
                                                    sizes=[1, 2]),
    dict(first='x', sizes=[1, 2]), dict(first='x', second='y', sizes=[1]),
    dict(first='x', second='y', sizes=[1, 2], far=2)])
def test_sweeps_that_are_refused(client, body):
    assert client.post('/api/sweep', json=body).status_code == 422


def test_token(client, monkeypatch):
    locked = TestClient(create_app(FaceService(FaceInferencer(
        Mean(), detector=Marker(), show_progress=False)), token='secret'))
    for headers in ({}, {'Authorization': 'Bearer wrong'}, {'Authorization': 'secret '}):
        assert locked.get('/api/people', headers=headers).status_code == 401
    right = {'Authorization': 'Bearer secret'}
    assert locked.get('/api/people', headers=right).status_code == 404  # no gallery
    assert locked.post('/api/identify', headers=right, files=files(picture=picture())
                       ).status_code == 404
    answer = locked.post('/api/verify', headers=right,
                         files=files(first=picture(), second=picture())).json()
    assert answer['decision'] is None  # no calibration
    assert locked.get('/health').json()['token'] is True


def test_health_metrics_page_and_headers(client):
    health = client.get('/health').json()
    assert health['status'] == 'ok' and health['people'] == 0 and health['smallest'] == 7
    client.post('/api/faces', files=files(picture=picture()))
    metrics = client.get('/metrics').text
    assert 'lrfr_requests_total{path="/api/faces",status="200"} 1.0' in metrics
    assert 'lrfr_faces_total 1.0' in metrics
    page = client.get('/')
    assert 'Compare' in page.text and "default-src 'self'" in page.headers[
        'content-security-policy']
    assert client.get('/page/app.js').status_code == 200
    assert client.get('/page/../app.py').status_code == 404
    assert client.get('/page/secret').status_code == 404
    paths = client.get('/openapi.json').json()['paths']
    assert {'/api/faces', '/api/verify', '/api/sweep', '/api/identify', '/api/people'} <= set(paths)


def test_nothing_is_stored_that_was_not_asked_for(client, tmp_path):
    client.post('/api/faces', files=files(picture=picture()))
    client.post('/api/verify', files=files(first=picture(), second=picture()))
    written = {path.name for path in tmp_path.rglob('*') if path.is_file()}
    assert all(name.startswith(('gallery.sqlite', 'audit.sqlite')) for name in written)


def test_requests_at_the_same_time_do_not_mix(client):
    dots = [((40 + 10 * k, 60),) for k in range(5)]
    want = [client.post('/api/faces', files=files(picture=picture(d))).json() for d in dots]
    got = [None] * 20

    def ask(k):
        got[k] = client.post('/api/faces', files=files(picture=picture(dots[k % 5]))).json()

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [want[k % 5] for k in range(20)]
