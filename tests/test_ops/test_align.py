import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from lrfr_mm.ops.align import TEMPLATE, centre_crop, fit_template, similarity, warp_face


@given(st.floats(-3, 3), st.floats(.2, 5), st.integers(0, 1000))
def test_similarity_is_scikit_images(angle, scale, seed):
    rng = np.random.default_rng(seed)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE @ turn.T + rng.normal(0, 3, (5, 2)) + 40
    reference = SimilarityTransform.from_estimate(points, TEMPLATE).params[:2]
    np.testing.assert_allclose(similarity(points, TEMPLATE), reference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('count', [2, 4, 5])
def test_landmarks_of_the_template_itself_fit_without_a_rest(count):
    points = {2: TEMPLATE[:2], 4: np.vstack([TEMPLATE[:3], TEMPLATE[3:].mean(0)]),
              5: TEMPLATE}[count]
    matrix, residual = fit_template(2 * points + 7)
    np.testing.assert_allclose(matrix, [[.5, 0, -3.5], [0, .5, -3.5]], atol=1e-9)
    assert residual < 1e-9


def test_refuses_what_is_no_face():
    with pytest.raises(ValueError, match='2, 4 or 5 landmarks'):
        fit_template(TEMPLATE[:3])
    with pytest.raises(ValueError, match='not those of a face'):
        fit_template(np.full((5, 2), 9.))
    with pytest.raises(ValueError, match='not those of a face'):
        fit_template(np.full((5, 2), np.nan))


@pytest.mark.parametrize('scale', [.7, 1., 3.3, 8.])
def test_dots_land_on_the_template(scale):
    """White dots at the landmarks of a turned, scaled face end up where the template has them."""
    side = int(300 * scale)
    turn = scale * np.array([[.96, -.28], [.28, .96]])
    points = TEMPLATE @ turn.T + np.array([120, 60]) * scale
    image = np.zeros((side, side, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x), round(y)), max(2, round(2 * scale)), (255,) * 3, -1,
                   cv2.LINE_AA)
    crop = warp_face(image, points)
    for x, y in TEMPLATE:
        window = crop[round(y) - 5:round(y) + 6, round(x) - 5:round(x) + 6, 0].astype(float)
        rows, cols = np.mgrid[:11, :11] - 5
        centre = np.array([(window * cols).sum(), (window * rows).sum()]) / window.sum()
        assert np.abs(centre + [round(x), round(y)] - [x, y]).max() < .6


def test_centre_crop():
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 10:50] = 200
    assert (centre_crop(image, 112) == 200).all()
    assert centre_crop(image[:, 10:50], 40) is not None
    assert centre_crop(np.zeros((500, 300, 3), np.uint8), 112).shape == (112, 112, 3)
