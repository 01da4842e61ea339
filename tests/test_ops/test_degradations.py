import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lrfr_mm.datasets import SyntheticFaces
from lrfr_mm.datasets.decode import decode
from lrfr_mm.ops.degradations import DEGRADATIONS, degrade_image, degrade_images, register
from lrfr_mm.ops.degradations.blur import convolve, gaussian_kernel, motion_kernel
from lrfr_mm.ops.degradations.sensor import gaussian_noise, jpeg, poisson_noise, sharpen
from lrfr_mm.ops.multi_res import MultiResDraw, degrade_batch


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
        {'camera': 25, 'second_order': 60}.get(kind, 0))
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


def test_one_decorated_function_is_a_degradation_everywhere(face):
    from lrfr_mm.datasets.transforms import MultiResAug

    @register('inverted')
    def inverted(image, resolution):
        return 255 - image
    try:
        sample = MultiResAug((14,), (1,), flip=None, degradation='inverted')(dict(img=face))
        assert np.array_equal(sample['img_lr'], 255 - face)
        batch = degrade_images(torch.from_numpy(face).permute(2, 0, 1)[None], 14, 'inverted')
        assert np.array_equal(batch[0].permute(1, 2, 0).numpy(), 255 - face)
        with pytest.raises(ValueError, match='already'):
            register('inverted')(inverted)
    finally:
        DEGRADATIONS.pop('inverted')


@pytest.mark.parametrize('jitter', [None, dict(scale=.1, rotation=10, shift=.05, elastic=.02)])
def test_transform_and_device_draw_the_same_camera(face, jitter):
    """The random pipeline: one key, one result; another key, another; both ways the same pixels."""
    from lrfr_mm.datasets.transforms import MultiResAug
    options = dict(resolutions=(7, 14, 20), ratio=(1, 1, 1), flip=None,
                   degradation=('second_order', 'bicubic'), jitter=jitter)
    keys = np.arange(12)
    faces = torch.from_numpy(np.repeat(face[None], 12, 0)).permute(0, 3, 1, 2)
    draw = MultiResDraw(**options)
    batch = degrade_batch(faces, draw, keys, draw(keys)[0]).permute(0, 2, 3, 1).numpy()
    transform = MultiResAug(**options)
    for key, low in zip(keys, batch, strict=True):
        sample = transform(dict(img=face, rng_key=int(key)))
        assert np.array_equal(sample['img_lr'], low)
        assert np.array_equal(sample['img'], face)
    assert len({low.tobytes() for low in batch}) > 6  # 'bicubic' repeats without jitter
    one, two = (degrade_image(face, 14, 'second_order', key) for key in (1, 2))
    assert not np.array_equal(one, two)
    assert np.array_equal(one, degrade_image(face, 14, 'second_order', 1))


@pytest.mark.parametrize('x, y, angle', [(1., 1., 0.), (2., .7, .4), (.8, 3., 1.5)])
def test_gaussian_kernels_have_their_moments(x, y, angle):
    kernel = gaussian_kernel(x, y, angle)
    radius = len(kernel) // 2
    v, u = np.mgrid[-radius:radius + 1, -radius:radius + 1].astype(float)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = turn @ np.diag([x * x, y * y]) @ turn.T
    found = np.array([[(kernel * u * u).sum(), (kernel * u * v).sum()],
                      [(kernel * u * v).sum(), (kernel * v * v).sum()]])
    assert np.isclose(kernel.sum(), 1)
    np.testing.assert_allclose(found, expected, rtol=.06, atol=.02)


@pytest.mark.parametrize('length, angle', [(0., .3), (1., 0.), (6., np.pi / 2), (9.5, .7)])
def test_motion_kernels_have_their_length_and_direction(length, angle):
    kernel = motion_kernel(length, angle)
    radius = len(kernel) // 2
    v, u = np.mgrid[-radius:radius + 1, -radius:radius + 1].astype(float)
    along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    assert np.isclose(kernel.sum(), 1) and abs((kernel * along).sum()) < 1e-9
    # A uniform path of length L has variance L^2 / 12; interpolation adds less than 1/4.
    assert 0 <= (kernel * along ** 2).sum() - length ** 2 / 12 < .25 + length / 12
    assert (kernel * across ** 2).sum() < .26


def test_convolution_is_scipys(rng):
    from scipy.ndimage import convolve as reference
    image = rng.random((20, 23, 3)).astype(np.float32)
    kernel = rng.random((5, 5))
    expected = np.stack([reference(image[..., c].astype(float), kernel, mode='nearest')
                         for c in range(3)], -1)
    np.testing.assert_allclose(convolve(image, kernel), expected, rtol=1e-4)


def test_noise_has_its_statistics(rng):
    flat = np.full((200, 200, 3), 100, np.float32)
    coloured, grey = (gaussian_noise(flat, 5., g, rng) - 100 for g in (False, True))
    assert abs(coloured.std() - 5) < .1 and abs(coloured.mean()) < .1
    assert abs(np.corrcoef(coloured[..., 0].ravel(), coloured[..., 1].ravel())[0, 1]) < .03
    assert np.array_equal(grey[..., 0], grey[..., 2])
    shot = poisson_noise(flat, 2., False, rng) - 100
    # v * 256 photons of standard deviation sqrt(v * 256), in levels, times the scale.
    assert abs(shot.std() - 2 * 255 * np.sqrt(100 / 255 * 256) / 256) < .3


def test_jpeg_and_sharpening(face):
    x = face.astype(np.float32)
    worse, better = (np.abs(jpeg(x, quality) - x).mean() for quality in (30, 95))
    assert better < 2 < worse
    assert sharpen(x, .8, 1.).std() > x.std()
    np.testing.assert_array_equal(sharpen(x, 0., 1.), x)
