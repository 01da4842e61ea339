"""New faces from the parts of some: for training sets that have few people.

A network that is distilled needs no labels, only many different faces. Here a face gets the inner
face, or an upper, lower or side part, of another one, or the mean of both; it is bent, lit and
coloured anew. The result has the texture of photographs, and the teacher says whose face it is.
"""
from __future__ import annotations

import cv2
import numpy as np

__all__ = ['bend', 'colour_face', 'light_face', 'morph']

_SIDE = 112
_Y, _X = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)


def _inner_face(rng: np.random.Generator) -> np.ndarray:
    """A soft ellipse over the inner face, float32 (112, 112) from 0 to 1."""
    x, y = 56 + rng.normal(0, 2), 64 + rng.normal(0, 2)
    width, height, soft = rng.uniform(26, 36), rng.uniform(34, 42), rng.uniform(.1, .35)
    distance = np.sqrt(((_X - x) / width) ** 2 + ((_Y - y) / height) ** 2)
    return np.clip((1 + soft - distance) / (2 * soft), 0, 1)


def _one_side(rng: np.random.Generator) -> np.ndarray:
    """A soft edge: the upper, lower, left or right part, float32 (112, 112) from 0 to 1."""
    across = rng.random() < 2 / 3
    edge = rng.uniform(54, 78) if across else 56 + rng.normal(0, 2)
    mask = np.clip(((_Y if across else _X) - edge) / (2 * rng.uniform(4, 10)) + .5, 0, 1)
    return mask if rng.random() < .5 else 1 - mask


def _match(image: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``image`` with the mean and about the contrast that ``target`` has under ``mask``."""
    weights = (mask + 1e-3)[..., None] / (mask + 1e-3).sum()
    mean, goal = (image * weights).sum((0, 1)), (target * weights).sum((0, 1))
    spread, wanted = (np.sqrt((((x - m) ** 2) * weights).sum((0, 1))) + 5
                      for x, m in ((image, mean), (target, goal)))
    return (image - mean) * np.clip(wanted / spread, .5, 1.6) + goal


def bend(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth deformation of up to about 3 px and a change of the aspect ratio, float32."""
    points = rng.normal(0, rng.uniform(.5, 3), (2, 4, 4)).astype(np.float32)
    dx, dy = (cv2.resize(p, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC) for p in points)
    wide, high = rng.normal(1, .04, 2)
    return cv2.remap(image, ((_X - 56) / wide + 56 + dx).astype(np.float32),
                     ((_Y - 56) / high + 56 + dy).astype(np.float32), cv2.INTER_CUBIC,
                     borderMode=cv2.BORDER_REFLECT)


def morph(face: np.ndarray, others: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """``face`` with parts of ``others``.

    Args:
        face: Aligned, float32 RGB of 0 to 255, (112, 112, 3).
        others: More of them, one or two; each gives a part.
        rng: Draws which parts.

    Returns:
        float32 (112, 112, 3).
    """
    face = bend(face, rng) if rng.random() < .5 else face
    for other in others:
        other = bend(other, rng) if rng.random() < .5 else other
        kind = rng.random()
        if kind < .45:
            mask = _inner_face(rng)
        elif kind < .7:
            mask = _one_side(rng) * _inner_face(rng)
        else:
            mask = np.ones((_SIDE, _SIDE), np.float32)  # the mean of two people
        share = rng.uniform(.6, 1) if kind < .7 else rng.uniform(.3, .7)
        face = face + (_match(other, face, _inner_face(rng)) - face) * (mask * share)[..., None]
    return bend(face, rng) if rng.random() < .5 else face


def colour_face(face: np.ndarray, colours: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The luminance of ``face`` with a skin tone, and around it the blurred colours of another.

    Args:
        face: float32 RGB of 0 to 255, (112, 112, 3).
        colours: uint8 RGB (112, 112, 3).
        rng: One result of eight is grey.

    Returns:
        float32 (112, 112, 3).
    """
    grey = np.clip(face.mean(2), 0, 255)
    if rng.random() < 1 / 8:
        return np.repeat(grey[..., None], 3, 2)
    blurred = cv2.GaussianBlur(np.ascontiguousarray(colours), (0, 0), rng.uniform(2, 8))
    chroma = cv2.cvtColor(blurred, cv2.COLOR_RGB2YCrCb).astype(np.float32)[..., 1:]
    skin = np.array([rng.normal(150, 7), rng.normal(112, 6)])
    mask = _inner_face(rng)[..., None]
    own = skin + .5 * (chroma - (chroma * mask).sum((0, 1)) / mask.sum())
    chroma = 128 + (chroma * (1 - mask) + own * mask - 128) * rng.uniform(.5, 1.1)
    pixels = np.dstack([grey, chroma]).clip(0, 255).astype(np.uint8)
    return cv2.cvtColor(pixels, cv2.COLOR_YCrCb2RGB).astype(np.float32)


def light_face(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another exposure, contrast and direction of light, and some noise, float32 of 0 to 255."""
    x = np.clip(face / 255, 0, 1) ** rng.uniform(.6, 1.5)
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, .35) * ((_X - 56) * np.cos(angle) + (_Y - 56) * np.sin(angle)) / 56
    x = (x * (1 + slope)[..., None] - .5) * rng.uniform(.75, 1.2) + .5 + rng.normal(0, .05)
    return np.clip(x * 255 + rng.normal(0, rng.uniform(0, 3), x.shape), 0, 255)
