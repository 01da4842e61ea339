import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.decode import decode
from lrfr_mm.ops.degradations import DEGRADATIONS, degrade_image, degrade_images


@pytest.fixture(scope='module')
def face():
    return decode(SyntheticFaces(1, 1).read(0)[0], 'cv2')


@given(st.sampled_from(sorted(DEGRADATIONS)), st.integers(1, 40), st.integers(2, 40),
       st.integers(2, 40), st.integers(0, 2 ** 32 - 1))
def test_shape_and_kind_stay_and_the_same_image_gives_the_same(kind, resolution, h, w, seed):
    image = np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)
    if resolution > max(h, w):
        with pytest.raises(ValueError, match='above'):
            degrade_image(image, resolution, kind)
        return
    once, again = (degrade_image(image.copy(), resolution, kind) for _ in range(2))
    assert once.shape == image.shape and once.dtype == np.uint8
    assert np.array_equal(once, again)


@pytest.mark.parametrize('kind', sorted(DEGRADATIONS))
def test_an_even_image_stays_even_and_the_full_size_is_the_image(kind, face):
    grey = np.full((112, 112, 3), 90, np.uint8)
    assert np.abs(degrade_image(grey, 14, kind).astype(int) - 90).max() <= (
        25 if kind == 'camera' else 0)
    assert np.array_equal(degrade_image(face, 112, kind), face)


def test_against_the_libraries(face):
    pillow = Image.fromarray(face).resize((14, 14), Image.BICUBIC).resize((112, 112), Image.BICUBIC)
    assert np.array_equal(degrade_image(face, 14), np.asarray(pillow))
    small = cv2.resize(face, (14, 14), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(degrade_image(face, 14, 'opencv'),
                          cv2.resize(small, (112, 112), interpolation=cv2.INTER_CUBIC))
    means = face.reshape(14, 8, 14, 8, 3).mean((1, 3)).round().astype(np.uint8)
    area = np.asarray(Image.fromarray(means).resize((112, 112), Image.BICUBIC))
    assert np.abs(degrade_image(face, 14, 'area').astype(int) - area).max() <= 2
    picked = np.ascontiguousarray(face[::8, ::8])
    nearest = np.asarray(Image.fromarray(picked).resize((112, 112), Image.BICUBIC))
    assert np.array_equal(degrade_image(face, 14, 'nearest'), nearest)


def test_a_camera_is_worse_than_its_pixels(face):
    """Its noise, alone, is that of a sensor: about 4 levels before the JPEG."""
    area, camera = (degrade_image(face, 28, kind).astype(float) for kind in ('area', 'camera'))
    error = {name: np.abs(image - face).mean() for name, image in (('area', area),
                                                                   ('camera', camera))}
    assert error['camera'] > 1.1 * error['area']
    other = face.copy()
    other[0, 0, 0] ^= 1
    assert not np.array_equal(degrade_image(other, 28, 'camera'), camera.astype(np.uint8))


@pytest.mark.parametrize('kind', sorted(DEGRADATIONS))
def test_a_batch_is_its_images(kind, face):
    faces = np.stack([face, face[:, ::-1], 255 - face])
    batch = degrade_images(torch.from_numpy(faces).permute(0, 3, 1, 2), 10, kind)
    for image, low in zip(faces, batch.permute(0, 2, 3, 1).numpy(), strict=True):
        assert np.array_equal(degrade_image(image, 10, kind), low)


def test_unknown_names_are_told(face):
    with pytest.raises(ValueError, match='bicubic, opencv, area'):
        degrade_image(face, 14, 'lanczos')
