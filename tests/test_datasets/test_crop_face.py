import numpy as np
import pytest
from PIL import Image

from lrfr_mm.datasets.transforms import CropFace


def test_the_part_fills_the_image_and_landmarks_move_along():
    y, x = np.mgrid[:112, :112]
    image = np.stack([2 * x, 2 * y, x + y], -1).astype(np.uint8)
    box = (.25, .125, .75, .875)  # 28 to 84 and 14 to 98 px
    points = np.array([[40., 50], [70, 50], [56, 70], [42, 90], [68, 90]], np.float32)
    out = CropFace(box).transform(dict(img=image, landmarks=points))
    want = np.asarray(Image.fromarray(image).resize((112, 112), Image.BICUBIC, (28, 14, 84, 98)))
    difference = np.abs(out['img'].astype(int) - want)[2:-2, 2:-2]
    assert out['img'].shape == image.shape and difference.max() <= 1
    for before, after in zip(points, out['landmarks'], strict=True):  # the ramp tells the place
        column, row = np.round(after).astype(int)
        assert np.abs(out['img'][row, column, :2] / 2. - before).max() <= .75
    same = CropFace((0, 0, 1, 1)).transform(dict(img=image))['img']
    np.testing.assert_array_equal(same, image)


def test_outside_the_border_is_repeated():
    image = np.full((10, 10, 3), 7, np.uint8)
    assert (CropFace((-.2, 0, 1, 1.3)).transform(dict(img=image))['img'] == 7).all()
    with pytest.raises(ValueError, match='left, top, right, bottom'):
        CropFace((.5, 0, .5, 1))
