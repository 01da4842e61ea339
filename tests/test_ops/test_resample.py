import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lrfr_mm.ops.resample import bicubic_weights, degrade


def pillow(image, r):
    h, w = image.shape[:2]
    small = Image.fromarray(image).resize((r, r), Image.BICUBIC)
    return np.asarray(small.resize((w, h), Image.BICUBIC))


def faces(seed, count=2, size=112):
    """Random images with smooth and with sharp parts, and both extremes of uint8."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (count, size, size, 3))
    ramp = np.linspace(0, 255, size)[None, :, None, None]
    steps = np.where(rng.random((count, size, size, 1)) < .5, 0, 255)
    kind = rng.integers(0, 3, (count, 1, 1, 1))
    return np.select([kind == 0, kind == 1], [noise, steps], ramp + 0 * noise).astype(np.uint8)


@given(st.integers(0, 10**6), st.integers(1, 112), st.sampled_from([112, 64, 97]))
def test_matrix_equals_pillow_on_every_pixel(seed, r, size):
    images = faces(seed, size=size)
    if r >= size:
        r = size - 1
    want = np.stack([pillow(image, r) for image in images])
    got = degrade(torch.from_numpy(images).permute(0, 3, 1, 2), r, 'matrix')
    np.testing.assert_array_equal(got.permute(0, 2, 3, 1).numpy(), want)


@pytest.mark.parametrize('method', ['exact', 'matrix', 'batched', pytest.param(
    'compiled', marks=pytest.mark.slow)])
def test_a_resolution_for_each_image(method):
    images = faces(1, 6)
    resolutions = [7, 14, 112, 20, 7, 14]
    got = degrade(images.transpose(0, 3, 1, 2), resolutions, method)
    for image, r, out in zip(images, resolutions, got, strict=True):
        want = pillow(image, r) if r < 112 else image
        np.testing.assert_array_equal(out.transpose(1, 2, 0), want)


def test_fast_is_near_pillow():
    images = torch.from_numpy(faces(2, 8)).permute(0, 3, 1, 2)
    for r in (7, 14, 20):
        gap = (degrade(images, r, 'fast').int() - degrade(images, r).int()).abs()
        assert gap.float().mean() < .05 and gap.max() <= 4


def test_leading_axes_kind_and_single_channel():
    images = faces(3, 4).transpose(0, 3, 1, 2)
    whole = degrade(images, 14)
    assert isinstance(whole, np.ndarray) and whole.dtype == np.uint8
    split = degrade(torch.from_numpy(images.reshape(2, 2, 3, 112, 112)), 14)
    np.testing.assert_array_equal(split.numpy().reshape(whole.shape), whole)
    np.testing.assert_array_equal(degrade(images[:, :1], 14), whole[:, :1])
    np.testing.assert_array_equal(degrade(images[0], 14), whole[0])


def test_weights_sum_to_one():
    for size_in, size_out in ((112, 7), (7, 112), (112, 20), (5, 3)):
        sums = bicubic_weights(size_in, size_out).sum(1) / 2**22
        np.testing.assert_allclose(sums, 1, atol=1e-5)


@pytest.mark.parametrize(('images', 'resolution', 'text'), [
    (torch.zeros(1, 3, 8, 8), 4, 'uint8'),
    (torch.zeros(8, 8, dtype=torch.uint8), 4, 'shape'),
    (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 0, 'at least 1'),
    (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), [4], '1 resolutions'),
    (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), [4, -1], 'at least 1'),
])
def test_wrong_arguments_are_named(images, resolution, text):
    with pytest.raises(ValueError, match=text):
        degrade(images, resolution)


def test_batched_products_equal_pillow_and_refuse_what_they_cannot_do():
    images = torch.from_numpy(faces(4, 5)).permute(0, 3, 1, 2)
    for r in (1, 7, 111, 112):
        torch.testing.assert_close(degrade(images, r, 'batched'), degrade(images, r, 'matrix'))
    for wrong, text in ((images[..., :100], 'square'), (images[0], 'square')):
        with pytest.raises(ValueError, match=text):
            degrade(wrong, 7, 'batched')
    with pytest.raises(ValueError, match='above the image'):
        degrade(images, [7, 7, 7, 7, 113], 'batched')
