import cv2
import numpy as np
import pytest
import torch

from lrfr_mm.datasets.transforms import AlignmentJitter
from lrfr_mm.ops.jitter import JitterDraw, jitter_images, jitter_landmarks


@pytest.fixture
def picture(rng):
    return cv2.GaussianBlur(rng.integers(0, 256, (112, 112, 3), np.uint8), (0, 0), 4)


def _batch(picture, count):
    return torch.from_numpy(np.repeat(picture[None], count, 0)).permute(0, 3, 1, 2)


def test_affine_part_is_opencvs(picture):
    """The matrix, in pixels, given to OpenCV as the inverse map, makes the same picture."""
    draw, keys = JitterDraw(scale=.2, rotation=20, shift=.1), np.arange(6)
    found = jitter_images(_batch(picture, 6), draw, keys).permute(0, 2, 3, 1).numpy()
    for matrix, image in zip(draw.matrices(keys), found, strict=True):
        linear, shift = matrix[:, :2], matrix[:, 2]
        # unit = (2 x + 1) / 112 - 1, so x' = L x + L (1/2 - 56) + 56 (1 + shift) - 1/2
        pixels = np.column_stack([linear, linear @ np.full(2, .5 - 56) + 56 * (1 + shift) - .5])
        expected = cv2.warpAffine(picture, pixels, (112, 112), borderMode=cv2.BORDER_REPLICATE,
                                  flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        assert np.abs(image.astype(int) - expected).max() <= 3  # OpenCV's weights have 5 bits


def test_landmarks_move_with_the_picture():
    draw, keys = JitterDraw(scale=.2, rotation=20, shift=.05), np.arange(20)
    image = np.zeros((112, 112, 3), np.float32)
    cv2.circle(image, (70, 45), 4, (255, 255, 255), -1)
    moved = jitter_images(_batch(image.astype(np.uint8), 20), draw, keys)[:, 0].float()
    points = jitter_landmarks(torch.tensor([[[70., 45.]]]).repeat(20, 1, 1), draw, keys, (112, 112))
    y, x = torch.meshgrid(torch.arange(112.), torch.arange(112.), indexing='ij')
    for disc, point in zip(moved, points[:, 0], strict=True):
        centre = torch.stack([(disc * x).sum(), (disc * y).sum()]) / disc.sum()
        assert (centre - point).abs().max() < .2


def test_ranges_and_probability():
    keys = np.arange(4000)
    matrices = JitterDraw(scale=.1, rotation=8, shift=.03).matrices(keys)
    size = np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])
    turn = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    for values, low, high in ((1 / size, 1 / 1.1, 1.1), (turn, -8, 8),
                              (matrices[:, :, 2], -.06, .06)):
        assert low <= values.min() < low * .98 + high * .02
        assert high >= values.max() > high * .98 + low * .02
    moved = JitterDraw(prob=.3).matrices(keys)
    still = (np.abs(moved - np.eye(2, 3)) < 1e-12).all((1, 2))
    assert abs(still.mean() - .7) < .03


def test_nothing_is_nothing_and_elastic_bends(picture):
    batch, keys = _batch(picture, 3), np.arange(3)
    assert torch.equal(jitter_images(batch, JitterDraw(0, 0, 0, 0), keys), batch)
    bent = jitter_images(batch, JitterDraw(0, 0, 0, .03), keys)
    assert not torch.equal(bent[0], bent[1])
    assert torch.equal(bent, jitter_images(batch, JitterDraw(0, 0, 0, .03), keys))


def test_transform_equals_the_batch(picture):
    transform = AlignmentJitter(elastic=.02)
    points = np.array([[38., 52], [74, 51], [56, 72], [42, 92], [71, 92]], np.float32)
    sample = transform(dict(img=picture, rng_key=5, landmarks=points))
    expected = jitter_images(_batch(picture, 1), transform.draw, np.array([5]))[0]
    assert np.array_equal(sample['img'], expected.permute(1, 2, 0).numpy())
    assert sample['landmarks'].shape == (5, 2) and not np.allclose(sample['landmarks'], points)


@pytest.mark.parametrize('options', [dict(scale=-.1), dict(prob=1.5), dict(shift=float('nan'))])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        JitterDraw(**options)
