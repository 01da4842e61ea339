"""From a person and a photograph's settings to an eye-aligned picture with its landmarks."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from lrfr_mm.ops.align import TEMPLATE, similarity
from lrfr_mm.ops.facegen.geometry import (
    GRID,
    head_radius,
    intersect,
    landmarks,
    rotation,
    surface_points,
)
from lrfr_mm.ops.facegen.texture import draw_albedo, paint_hair

__all__ = ['SIZE', 'render_face']

SIZE = 112
_ROWS, _COLS = np.mgrid[:SIZE, :SIZE].astype(np.float32)


def render_face(who: SimpleNamespace, shot: SimpleNamespace,
                rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Render one photograph.

    Args:
        who: Person of ``sample_identity``.
        shot: Photograph of ``sample_capture``.
        rng: Generator of the sensor noise.

    Returns:
        uint8 RGB (112, 112, 3), and the five landmarks (5, 2), x and y in px, in the order of the
        usual template: eyes, nose tip, mouth corners, as they lie in the picture.
    """
    radius = head_radius(who, shot)
    turn = rotation(shot.yaw, shot.pitch, shot.roll)
    points = (landmarks(who, shot, radius) @ turn.T)[:, :2]
    to_image = similarity(points + shot.landmark_jitter, TEMPLATE)
    view = _View(to_image)

    azimuth, elevation, z, margin = intersect(radius, view.x, view.y, turn)
    u, v = GRID.texels(azimuth, elevation)
    albedo = cv2.remap(draw_albedo(who, shot), u, v, cv2.INTER_LINEAR,
                       borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    paint_hair(albedo, azimuth, elevation, who, shot)
    occlusion = _occlusion(radius, azimuth, elevation)
    face = _shade(albedo, z, view, turn, occlusion, shot)
    alpha = np.clip(margin / (1.7 * view.pixel) + .5, 0, 1)[..., None]

    image = _behind(who, shot, view, turn)
    image += alpha * (face - image)
    _near_ear(image, who, shot, view, turn)
    if shot.glasses:
        _glasses(image, who, shot, view, radius, turn)
    pixels = _camera(image, shot, rng)
    return pixels, points @ to_image[:, :2].T + to_image[:, 2]


class _View:
    """The camera plane under the picture: where each pixel looks, and how to project points."""

    def __init__(self, to_image: np.ndarray):
        self.to_image = to_image
        linear = np.linalg.inv(to_image[:, :2]).astype(np.float32)
        dx, dy = _COLS - np.float32(to_image[0, 2]), _ROWS - np.float32(to_image[1, 2])
        self.x = linear[0, 0] * dx + linear[0, 1] * dy
        self.y = linear[1, 0] * dx + linear[1, 1] * dy
        self.pixel = float(np.hypot(linear[0, 0], linear[0, 1]))

    def polygon(self, points: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """Head-frame points (N, 3) to OpenCV's fixed-point picture coordinates (1, N, 2)."""
        flat = (points @ turn.T)[:, :2] @ self.to_image[:, :2].T + self.to_image[:, 2]
        return np.rint(flat * 16).astype(np.int32)[None]


def _occlusion(radius: Any, azimuth: Any, elevation: Any) -> np.ndarray:
    """How open the sky is above each point, .5 to 1.15: hollows of the head get less light."""
    hollow = radius - cv2.GaussianBlur(radius, (0, 0), 4.)
    grid = GRID.coarse(2)
    u, v = grid.texels(azimuth, elevation)
    return np.clip(1 + 3.2 * cv2.remap(hollow, u, v, cv2.INTER_LINEAR,
                                       borderMode=cv2.BORDER_REPLICATE), .5, 1.15)


def _shade(albedo: np.ndarray, z: np.ndarray, view: _View, turn: np.ndarray,
           occlusion: np.ndarray, shot: SimpleNamespace) -> np.ndarray:
    """Lambert and a little gloss under a main light, a fill light and the sky, in linear light."""
    dz_dc = cv2.Sobel(z, cv2.CV_32F, 1, 0, ksize=3, scale=.125 / view.pixel)
    dz_dr = cv2.Sobel(z, cv2.CV_32F, 0, 1, ksize=3, scale=.125 / view.pixel)
    # Picture axes to camera axes: the similarity may have turned them.
    a, b = view.to_image[0, 0], view.to_image[1, 0]
    norm = float(np.hypot(a, b))
    c, s = np.float32(a / norm), np.float32(b / norm)
    nx, ny = -(c * dz_dc + s * dz_dr), -(c * dz_dr - s * dz_dc)
    inverse = 1 / np.sqrt(nx * nx + ny * ny + 1)
    nx, ny, nz = nx * inverse, ny * inverse, inverse
    light, fill = shot.light.astype(np.float32), shot.fill.astype(np.float32)
    main = np.maximum(nx * light[0] + ny * light[1] + nz * light[2] + .08, 0) * occlusion
    second = np.maximum(nx * fill[0] + ny * fill[1] + nz * fill[2], 0)
    half = light + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    gloss = np.maximum(nx * half[0] + ny * half[1] + nz * half[2], 0)
    for _ in range(4):
        gloss = gloss * gloss
    gloss *= np.float32(shot.shine)
    sky = occlusion * (.75 - .25 * ny)
    out = np.empty(albedo.shape, np.float32)
    linear = albedo * np.float32(1 / 255)
    linear *= linear
    for k in range(3):
        strength = (np.float32(shot.ambient[k]) * sky + np.float32(shot.light_rgb[k]) * main
                    + np.float32(shot.fill_rgb[k]) * second)
        out[..., k] = linear[..., k] * strength + gloss * np.float32(shot.light_rgb[k])
    return out


def _level(shot: SimpleNamespace) -> np.ndarray:
    return .55 * shot.ambient + .45 * shot.light_rgb


def _paint(image: np.ndarray, outline: np.ndarray, colour: Any, thickness: int = 0,
           closed: bool = True, opacity: float = 1., texture: np.ndarray | None = None) -> None:
    """Fill ``outline`` (fixed-point polygon), or draw it with a ``thickness``, in linear light."""
    x, y, w, h = cv2.boundingRect(outline >> 4)
    left, top = max(0, x - 3), max(0, y - 3)
    right, bottom = min(SIZE, x + w + 3), min(SIZE, y + h + 3)
    if left >= right or top >= bottom:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    shifted = outline - np.array([left, top], np.int32) * 16
    if thickness:
        cv2.polylines(mask, list(shifted), closed, 255, thickness, cv2.LINE_AA, 4)
    else:
        cv2.fillPoly(mask, list(shifted), 255, cv2.LINE_AA, 4)
    alpha = mask[..., None] * np.float32(opacity / 255)
    colour = np.asarray(colour, np.float32)
    region = image[top:bottom, left:right]
    if texture is not None:
        colour = colour * texture[top:bottom, left:right, None]
    region += alpha * (colour - region)


def _behind(who: SimpleNamespace, shot: SimpleNamespace, view: _View,
            turn: np.ndarray) -> np.ndarray:
    """Background, long hair, neck, clothes and both ears: linear light, float32 (112, 112, 3)."""
    rng = np.random.default_rng(shot.background_seed)
    cells = int(rng.integers(2, 7))
    coarse = rng.uniform(0, 1, (cells, cells, 3)) ** 1.5
    tint = rng.uniform(.2, 1, 3)
    coarse = (.55 * coarse.mean(-1, keepdims=True) + .45 * coarse) * tint
    image = cv2.resize(coarse.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    if rng.random() < .35:  # furniture, doors, windows: out of focus
        for _ in range(int(rng.integers(1, 5))):
            corner, size = rng.uniform(-20, 112, 2), rng.uniform(10, 70, 2)
            box = np.rint(np.concatenate([corner, corner + size])).astype(int).tolist()
            cv2.rectangle(image, box[:2], box[2:], tuple((rng.uniform(0, .8, 3)).tolist()), -1)
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(.8, 4)))
    image = np.maximum(image, 0)
    level = _level(shot)
    hair = (who.hair / 255) ** 2 * level
    if who.long_hair:
        t = np.linspace(-np.pi, 0, 17)
        wide = who.head_width + who.hair_volume + .06
        outline = np.column_stack([wide * np.cos(t), 1.15 * np.sin(t) * who.head_up,
                                   np.full(17, -.25)])
        outline = np.vstack([outline, [[wide + .05, 1.6, -.3], [-wide - .05, 1.6, -.3]]])
        strands = np.random.default_rng(who.noise_seed).uniform(.55, 1.25, (1, 42))
        texture = cv2.remap(strands.astype(np.float32), view.x * 14 + 21 + .8 * np.sin(view.y * 6),
                            np.zeros_like(view.x), cv2.INTER_LINEAR,
                            borderMode=cv2.BORDER_REFLECT)
        _paint(image, view.polygon(outline, turn), hair * .62, texture=texture)
    neck = np.array([[-.50, .5, -.25], [-.52, 1.3, -.30], [-1.1, 1.62, -.3], [-1.3, 2.6, -.3],
                     [1.3, 2.6, -.3], [1.1, 1.62, -.3], [.52, 1.3, -.30], [.50, .5, -.25]])
    upright = rotation(.25 * shot.yaw, .2 * shot.pitch, .3 * shot.roll)
    skin = (who.skin / 255) ** 2 * level
    _paint(image, view.polygon(neck, upright), skin * .42)
    collar = np.array([[-1.4, 1.75, -.2], [-.56, 1.36, -.2], [0, 1.62, -.1], [.56, 1.36, -.2],
                       [1.4, 1.75, -.2], [1.4, 3., -.2], [-1.4, 3., -.2]])
    _paint(image, view.polygon(collar, upright), (shot.clothes / 255) ** 2 * level)
    if not who.long_hair:
        for side in (-1, 1):
            _ear(image, who, shot, view, turn, side)
    return image


def _ear(image: np.ndarray, who: SimpleNamespace, shot: SimpleNamespace, view: _View,
         turn: np.ndarray, side: int) -> None:
    """One ear, a flared disc with a rim and a hollow."""
    t = np.linspace(0, 2 * np.pi, 20)
    wide = who.ear_size * (.50 + .10 * np.sin(t)) * .62
    along = np.cos(t) * wide
    tall = np.sin(t) * who.ear_size * (1 + .25 * who.ear_lobe * (np.sin(t) > 0))
    flare = np.array([side * np.sin(who.ear_flare), 0, -np.cos(who.ear_flare)])
    root = np.array([side * who.head_width * .985, .04, .02])
    level = _level(shot) * (1 + .35 * side * shot.light[0])
    skin = (who.skin * [1., .93, .91] / 255) ** 2 * level
    for scale, tone in ((1., .85), (.72, .55), (.45, .80)):
        ring = root + np.outer(.5 * who.ear_size + scale * along - .05, flare) * 1.0
        ring[:, 1] += scale * tall
        _paint(image, view.polygon(ring, turn), skin * tone)


def _near_ear(image: np.ndarray, who: SimpleNamespace, shot: SimpleNamespace, view: _View,
              turn: np.ndarray) -> None:
    if not who.long_hair and abs(shot.yaw) > .22:
        _ear(image, who, shot, view, turn, -int(np.sign(shot.yaw)))


def _glasses(image: np.ndarray, who: SimpleNamespace, shot: SimpleNamespace, view: _View,
             radius: Any, turn: np.ndarray) -> None:
    frame = who.frame
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    power = 1 if frame.round > .5 else .55
    shape = np.column_stack([np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power,
                             np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power])
    front = surface_points(radius, np.array([[0., who.eye_y]]))[0, 2] + .03
    centre_x = .86 * np.sin(who.eye_x) * .95
    centre_y = 1.0 * np.sin(who.eye_y) * .85
    colour = (frame.colour / 255) ** 2
    thick = 2 if frame.thick > 1.2 else 1
    for side in (-1, 1):
        ring = np.column_stack([side * centre_x + frame.size * shape[:, 0],
                                centre_y + .03 + frame.size * .82 * shape[:, 1],
                                np.full(len(t), front - .04)])
        outline = view.polygon(ring, turn)
        if shot.dark_glasses:
            _paint(image, outline, (.01, .01, .012), opacity=.93)
        else:
            _paint(image, outline, (.9, .95, 1.), opacity=shot.glare * .35)
        _paint(image, outline, colour, thick)
        arm = np.array([[side * (centre_x + frame.size), centre_y, front - .05],
                        [side * (who.head_width + .01), centre_y, .1]])
        _paint(image, view.polygon(arm, turn), colour, thick, closed=False, opacity=.8)
    gap = centre_x - frame.size
    bridge = np.array([[-gap, centre_y, front - .02], [0, centre_y - .03, front],
                       [gap, centre_y, front - .02]])
    _paint(image, view.polygon(bridge, turn), colour, thick, closed=False)


def _camera(image: np.ndarray, shot: SimpleNamespace, rng: np.random.Generator) -> np.ndarray:
    """Exposure, tone curve, colour, focus and noise: linear light to uint8."""
    metered = (.17 / max(float(image[20:, 15:97].mean()), 1e-3)) ** .65
    pixels = np.sqrt(np.maximum(image * np.float32(shot.exposure * metered), 0))
    grey = (pixels[..., :1] + pixels[..., 1:2] + pixels[..., 2:]) * np.float32(1 / 3)
    pixels *= np.float32(shot.saturation * shot.contrast)
    pixels += grey * np.float32((1 - shot.saturation) * shot.contrast)
    pixels += np.float32(.45 * (1 - shot.contrast))
    over = np.maximum(pixels - np.float32(.72), 0)
    pixels -= over * over / (over + np.float32(.35))  # soft shoulder
    if shot.blur > .3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), shot.blur)
    luma = rng.standard_normal((SIZE, SIZE, 1), np.float32)
    chroma = cv2.resize(rng.standard_normal((SIZE // 2, SIZE // 2, 3), np.float32), (SIZE, SIZE))
    chroma *= np.float32(.8)
    chroma += luma
    chroma *= np.float32(shot.noise)
    chroma += pixels * np.float32(255)
    return np.clip(chroma + np.float32(.5), 0, 255).astype(np.uint8)
