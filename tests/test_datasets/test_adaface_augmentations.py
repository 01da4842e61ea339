import numpy as np
import pytest
import torch
from torchvision.transforms import functional as reference

from lrfr_mm.datasets.transforms import RandomLowResolution, RandomPhotometric, RandomZeroCrop
from lrfr_mm.ops.draws import uniform


@pytest.fixture
def picture(rng):
    return rng.integers(1, 256, (112, 112, 3), np.uint8)


@pytest.mark.parametrize('kind', [RandomLowResolution, RandomPhotometric, RandomZeroCrop])
def test_probability_and_repeatability(kind, picture):
    changed = [not np.array_equal(kind()(dict(img=picture, rng_key=k))['img'], picture)
               for k in range(400)]
    assert abs(np.mean(changed) - .2) < .06
    one, again, other = (kind(prob=1)(dict(img=picture, rng_key=k))['img'] for k in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.shape == picture.shape and one.dtype == np.uint8
    with pytest.raises(ValueError, match='prob'):
        kind(prob=2)


def test_the_crop_is_one_rectangle_in_its_place(picture):
    areas = []
    for key in range(200):
        image = RandomZeroCrop(prob=1)(dict(img=picture, rng_key=key))['img']
        kept = image.any(2)
        rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
        box = np.ix_(range(rows[0], rows[-1] + 1), range(columns[0], columns[-1] + 1))
        assert kept[box].all() and kept.sum() == kept[box].size
        assert np.array_equal(image[kept], picture[kept])
        areas.append(kept.mean())
    assert .18 < min(areas) < .25 and max(areas) > .9


def test_photometric_is_torchvisions(picture):
    adjust = (reference.adjust_brightness, reference.adjust_contrast, reference.adjust_saturation)
    for key in range(5):
        found = RandomPhotometric(prob=1)(dict(img=picture, rng_key=key))['img']
        x = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
        for k in sorted(range(3), key=lambda k: uniform(key, 101 + k)):
            x = adjust[k](x, .5 + uniform(key, 104 + k))
        expected = (x * 255).permute(1, 2, 0).numpy()
        assert np.abs(found - expected).max() < 1


def test_low_resolution_loses_detail(picture):
    for key in range(20):
        image = RandomLowResolution(prob=1)(dict(img=picture, rng_key=key))['img']
        side = int(112 * (.2 + .8 * uniform(key, 91)))
        if side < 60:
            assert np.abs(np.diff(image.astype(int), axis=1)).mean() < 60  # 85 in the noise
