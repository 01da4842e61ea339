"""Photographs, videos and streams, with a detector whose answers are known."""
import os
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from lrfr_mm.apis.inferencer import (
    FaceInferencer,
    FaceTracker,
    draw_faces,
    fuse_track,
    read_pictures,
)
from lrfr_mm.datasets.alignment import Detection, FaceDetector
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.ops.align import TEMPLATE, warp_face


class Marker(FaceDetector):
    """A face for each red dot: its template around the dot, half as large."""

    def detect(self, image):
        ys, xs = np.nonzero((image[..., 0] > 200) & (image[..., 1] < 60) & (image[..., 2] < 60))
        found = []
        for part in {int(x) // 100 for x in xs}:
            inside = xs // 100 == part
            centre = np.array([xs[inside].mean(), ys[inside].mean()])
            points = (TEMPLATE - 56) / 2 + centre
            found.append(Detection(np.r_[centre - 28, centre + 28], points, .5 + .1 * part))
        return sorted(found, key=lambda face: -face.score)


class Mean:
    """In place of an Embedder: a vector from the mean colours, and what it was given."""

    size, model = 112, None

    def embed(self, faces, landmarks=None):
        self.landmarks = landmarks
        vectors = np.stack([face.reshape(-1, 3).mean(0) + [1, 2, 3] for face in faces])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def inferencer(monkeypatch):
    import lrfr_mm.apis.inferencer.face_inferencer as module
    monkeypatch.setattr(module, 'Embedder', Mean)
    return FaceInferencer(Mean(), detector=Marker(), show_progress=False)


def picture(dots=((60, 60),), shape=(120, 300)):
    image = np.full((*shape, 3), 90, np.uint8)
    for x, y in dots:
        image[y - 2:y + 3, x - 2:x + 3] = (250, 10, 10)
    return image


def test_every_kind_of_input_gives_the_same_faces(inferencer, tmp_path):
    image = picture()
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), image[..., ::-1])
    inputs = [image, Image.fromarray(image), path.read_bytes(), path, str(path), str(tmp_path)]
    (first, *others) = [next(inferencer.stream(item)) for item in inputs]
    (face,) = first.faces
    assert face.size == pytest.approx(56) and face.found_in == 'image'
    assert face.quality == pytest.approx(face.score * .5)
    np.testing.assert_array_equal(face.image, warp_face(image, face.landmarks))
    np.testing.assert_allclose(face.embedding, Mean().embed([face.image])[0])
    np.testing.assert_allclose(inferencer.embedder.landmarks[0], TEMPLATE, atol=1e-3)
    for other in others:
        np.testing.assert_array_equal(other.faces[0].embedding, face.embedding)
    assert first.width == 300 and first.height == 120


def test_batches_equal_single_pictures(inferencer):
    images = [picture(), picture(()), picture(((60, 60), (160, 50), (260, 70))), picture()]
    single = [next(inferencer.stream(image)) for image in images]
    for size in (1, 3, 10):
        for got, want in zip(inferencer.stream(images, batch_size=size), single, strict=True):
            assert [f.score for f in got.faces] == [f.score for f in want.faces]
            for a, b in zip(got.faces, want.faces):
                np.testing.assert_array_equal(a.embedding, b.embedding)
    assert [len(result.faces) for result in single] == [1, 0, 3, 1]


def test_called_as_mmengines_inferencers(inferencer, tmp_path):
    out = inferencer([picture(), picture(())], batch_size=2, out_dir=str(tmp_path / 'drawn'),
                     return_vis=True)
    assert [len(result['faces']) for result in out['predictions']] == [1, 0]
    assert isinstance(out['predictions'][0]['faces'][0]['embedding'][0], float)
    assert len(list((tmp_path / 'drawn').glob('*.png'))) == 2
    drawn = out['visualization'][0]
    assert drawn.shape == (120, 300, 3) and (drawn != picture()).any()
    results = inferencer(picture(), return_datasamples=True)['predictions']
    assert results[0].faces[0].embedding.shape == (3,)


def test_faces_can_be_limited(inferencer):
    three = picture(((60, 60), (160, 50), (260, 70)))
    inferencer.max_faces = 2
    assert [f.score for f in next(inferencer.stream(three)).faces] == [.7, .6]
    inferencer.min_size = 60
    assert next(inferencer.stream(three)).faces == []


def test_aligned_faces_need_no_detector(inferencer):
    inferencer.detector = None
    face = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (found,) = next(inferencer.stream(face)).faces
    assert found.found_in == 'aligned' and found.size == 112
    np.testing.assert_array_equal(found.image, face)
    with pytest.raises(InputError, match='300x120'):
        next(inferencer.stream(picture()))


def test_a_picture_that_cannot_be_read_ends_nothing(inferencer, tmp_path):
    cv2.imwrite(str(tmp_path / 'b.png'), picture()[..., ::-1])
    (tmp_path / 'a.jpg').write_bytes(b'\xff\xd8\xff\xe0 no picture')
    (tmp_path / '.hidden.png').write_bytes(b'')
    os.mkfifo(tmp_path / 'c.png')
    results = list(inferencer.stream(tmp_path))
    assert [result.name[-5:] for result in results] == ['a.jpg', 'b.png']
    assert 'a.jpg' in results[0].error and results[1].faces


@pytest.mark.parametrize('wrong, text', [
    ('/no/where.png', 'does not exist'), (np.zeros((5, 5), np.uint8), 'H, W, 3'),
    (np.zeros((5, 5, 3)), 'uint8'), (3.5, 'float is no picture'), ({}, 'dict is no picture')])
def test_what_is_no_picture(inferencer, wrong, text):
    with pytest.raises((InputError, InputMissingError), match=text):
        next(inferencer.stream(wrong))


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('video') / 'walk.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10., (300, 120))
    if not writer.isOpened():
        pytest.skip('this OpenCV writes no video')
    for k in range(12):
        writer.write(np.ascontiguousarray(picture(((40 + 2 * k, 60),))[..., ::-1]))
    writer.release()
    return path


def test_a_video_gives_frames_and_ends(inferencer, video):
    results = list(inferencer.stream(video, every=3))
    assert [result.frame for result in results] == [0, 3, 6, 9]
    assert [result.seconds for result in results] == pytest.approx([0, .3, .6, .9])
    xs = [float(result.faces[0].box[[0, 2]].mean()) for result in results]
    np.testing.assert_allclose(xs, [40, 46, 52, 58], atol=1)


def test_frames_that_are_left_out_are_not_drawn_into(inferencer, video):
    out = inferencer(str(video), every=3, return_vis=True, return_datasamples=True)
    frames = [shown for shown in read_pictures(video) if shown.frame % 3 == 0]
    assert len(out['visualization']) == len(frames) == 4
    for drawn, shown, result in zip(out['visualization'], frames, out['predictions'], strict=True):
        np.testing.assert_array_equal(drawn, draw_faces(shown.image, result))


def test_a_file_that_is_no_video(inferencer, tmp_path):
    (tmp_path / 'x.mp4').write_bytes(b'nothing')
    with pytest.raises(InputMissingError, match=r'x\.mp4 cannot be opened'):
        list(inferencer.stream(tmp_path / 'x.mp4'))


def test_a_stream_that_stalls_is_told(monkeypatch):
    goes_on, released = threading.Event(), threading.Event()

    class Stalled:
        frames = 0

        def __init__(self, source):
            pass

        def isOpened(self):
            return True

        def get(self, what):
            return 25.

        def grab(self):
            self.frames += 1
            if self.frames > 2:
                goes_on.wait()
            return self.frames < 5

        def retrieve(self):
            return True, picture()

        def release(self):
            released.set()

    monkeypatch.setattr(cv2, 'VideoCapture', Stalled)
    frames = read_pictures('rtsp://camera/1', timeout=2)
    assert [next(frames).frame, next(frames).frame] == [0, 1]
    with pytest.raises(InputError, match='no frame for 2 s: the stream has stalled'):
        next(frames)
    goes_on.set()
    assert released.wait(60)


@pytest.mark.parametrize('safe', [True, False])
def test_pictures_are_searched_side_by_side_where_the_detector_allows_it(inferencer, safe):
    both, running, most = threading.Barrier(2), [], []

    class Counting(Marker):
        thread_safe = safe

        def detect(self, image):
            running.append(1)
            if safe:
                both.wait(60)  # ends only if two are here
            most.append(len(running))
            found = super().detect(image)
            running.pop()
            return found

    inferencer.detector, inferencer.threads = Counting(), 2
    pictures = [picture([(60 + 20 * (k % 2), 60)]) for k in range(4)]
    results = list(inferencer.stream(pictures, batch_size=2))
    assert [result.faces[0].box[0] for result in results] == [32, 52, 32, 52]
    assert max(most) == (2 if safe else 1)


def test_fused_tracks(rng):
    vectors = rng.standard_normal((4, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = np.array([1, 0, 2, .5])
    want = (weights[:, None] * vectors).sum(0)
    np.testing.assert_allclose(fuse_track(vectors, weights), want / np.linalg.norm(want), rtol=1e-5)
    np.testing.assert_allclose(fuse_track(vectors), fuse_track(vectors, np.full(4, 7.)), rtol=1e-6)
    for wrong in (np.zeros(4), -np.ones(4), np.ones(3)):
        with pytest.raises(ValueError):
            fuse_track(vectors, wrong)


def test_faces_of_a_video_become_tracks(inferencer, video):
    pytest.importorskip('trackers')
    tracks = FaceTracker(frame_rate=10).tracks(inferencer.stream(video))
    assert len(tracks) == 1 and len(tracks[0].faces) >= 10
    two = [picture(((40 + 2 * k, 60), (240 - 2 * k, 60))) for k in range(8)]
    tracks = FaceTracker(frame_rate=10).tracks(inferencer.stream(two))
    assert len(tracks) == 2
    for track in tracks:
        steps = np.diff([face.box[0] for face in track.faces])
        assert (np.abs(steps) < 4).all()
