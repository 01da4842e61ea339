"""Five landmarks to the field's 112x112 crop."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np

__all__ = ['TEMPLATE', 'centre_crop', 'crop_landmarks', 'fit_template', 'flip_landmarks',
           'similarity', 'warp_face']

# The usual five-point template of 112x112 face crops: eyes, nose tip, mouth corners (x, y in px;
# the left eye is the one on the left of the picture).
TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366],
                     [41.5493, 92.3655], [70.7299, 92.2041]])


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares similarity (2, 3) from ``points`` to ``target``, both (N, 2) (Umeyama 1991)."""
    mean_p, mean_t = points.mean(0), target.mean(0)
    p, t = points - mean_p, target - mean_t
    norm = (p ** 2).sum()
    a = (p * t).sum() / norm
    b = (p[:, 0] * t[:, 1] - p[:, 1] * t[:, 0]).sum() / norm
    linear = np.array([[a, -b], [b, a]])
    return np.column_stack([linear, mean_t - linear @ mean_p])


def fit_template(points: np.ndarray, size: int = 112) -> tuple[np.ndarray, float]:
    """Transform from an image with these landmarks to the template, and how badly they fit it.

    Args:
        points: (5, 2): eyes, nose tip, mouth corners; (4, 2): eyes, nose tip, middle of the mouth
            (as SCface gives them); or (2, 2): eyes. x, y in px.
        size: Side of the crop, px.

    Returns:
        The similarity (2, 3), and the root mean square distance of the transformed landmarks from
        the template, in px of a 112 px crop.

    Raises:
        ValueError: For another number of landmarks, or landmarks in one place.
    """
    points = np.asarray(points, np.float64)
    targets = {5: TEMPLATE, 2: TEMPLATE[:2],
               4: np.vstack([TEMPLATE[:3], TEMPLATE[3:].mean(0)])}
    if points.shape not in [(n, 2) for n in targets]:
        raise ValueError(f'2, 4 or 5 landmarks (x, y) are needed, got shape {points.shape}')
    if not np.isfinite(points).all() or np.ptp(points, 0).max() < 1e-6:
        raise ValueError(f'landmarks {points.tolist()} are not those of a face')
    target = targets[len(points)]
    matrix = similarity(points, target)
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    residual = float(np.sqrt(((moved - target) ** 2).sum(1).mean()))
    return matrix * (size / 112), residual


def warp_face(image: np.ndarray, points: np.ndarray, size: int = 112) -> np.ndarray:
    """Crop of ``image`` (uint8 RGB (H, W, 3)) on the template, uint8 RGB (size, size, 3).

    Faces that must shrink are antialiased: the image is reduced by areas first. Outside is black.
    """
    matrix, _ = fit_template(points, size)
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < .5:
        shrink = 2 * scale
        h, w = image.shape[:2]
        small = (max(1, round(w * shrink)), max(1, round(h * shrink)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        # Pixel centres: x' + .5 = (x + .5) * ratio.
        ratio = np.array([small[0] / w, small[1] / h])
        linear = matrix[:, :2] / ratio
        matrix = np.column_stack([linear, matrix[:, 2] + linear @ (.5 - .5 * ratio)])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def centre_crop(image: np.ndarray, size: int = 112) -> np.ndarray:
    """The largest centred square of ``image``, resized to size x size, antialiased."""
    h, w = image.shape[:2]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    image = np.ascontiguousarray(image[top:top + side, left:left + side])
    if side == size:
        return image
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=how)


def flip_landmarks(points: Any, width: int) -> Any:
    """Landmarks of the mirrored image: left and right change places.

    Args:
        points: (..., 5, 2), (..., 4, 2) or (..., 2, 2) as :func:`fit_template` takes them, x and y
            in px; a numpy array or a torch tensor.
        width: Of the image, px.

    Returns:
        The same shape and kind.

    Raises:
        ValueError: For another number of landmarks.
    """
    orders = {5: [1, 0, 2, 4, 3], 4: [1, 0, 2, 3], 2: [1, 0]}
    if points.shape[-2] not in orders:
        raise ValueError(f'2, 4 or 5 landmarks (x, y) are needed, got shape {tuple(points.shape)}')
    mirrored = points[..., orders[points.shape[-2]], :]  # indexing with a list copies
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored


def crop_landmarks(points: np.ndarray, shape: tuple[int, ...], size: int = 112) -> np.ndarray:
    """Landmarks of :func:`centre_crop` of an image.

    Args:
        points: (..., 2), x and y in px.
        shape: Of the image: (H, W, ...).
        size: Side of the crop, px.
    """
    h, w = shape[:2]
    side = min(h, w)
    corner = np.array([(w - side) // 2, (h - side) // 2])
    return (points - corner + .5) * (size / side) - .5  # pixel centres: x' + .5 = (x + .5) * ratio
