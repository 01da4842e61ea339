"""The head as a star-shaped surface: a radius for every direction from its centre.

Head frame: x to the viewer's right, y down, z to the viewer; unit 100 mm. A direction is an
azimuth (0 at the nose line, growing with x) and an elevation (growing with y), in radians.
"""
from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

__all__ = ['GRID', 'Grid', 'bell', 'hairline', 'head_radius', 'intersect', 'landmarks',
           'mouth_corner', 'rotation', 'smooth_step', 'surface_points']


class Grid:
    """A map of directions to texels, ``scale`` texels a radian."""

    def __init__(self, width: int, height: int, scale: float):
        self.width, self.height, self.scale = width, height, scale
        self.azimuth = ((np.arange(width) - width / 2) / scale).astype(np.float32)
        self.elevation = ((np.arange(height) - height / 2) / scale).astype(np.float32)

    def texels(self, azimuth: Any, elevation: Any) -> tuple[Any, Any]:
        return azimuth * self.scale + self.width / 2, elevation * self.scale + self.height / 2

    def coarse(self, factor: int) -> Grid:
        return Grid(self.width // factor, self.height // factor, self.scale / factor)


GRID = Grid(256, 208, 73.)
_SHAPE = GRID.coarse(2)
_SINES = (np.sin(_SHAPE.azimuth), np.cos(_SHAPE.azimuth),
          np.sin(_SHAPE.elevation), np.cos(_SHAPE.elevation))


def bell(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Gaussian of height 1."""
    return np.exp(-.5 * ((values - centre) / width) ** 2)


@lru_cache(maxsize=64)
def _pair(centre: float, width: float) -> np.ndarray:
    """Two bells at the same place on both sides of the face, for places that never change."""
    return bell(_SHAPE.azimuth, centre, width) + bell(_SHAPE.azimuth, -centre, width)


@lru_cache(maxsize=64)
def _level(centre: float, width: float) -> np.ndarray:
    """A bell along the elevation, for places that never change."""
    return bell(_SHAPE.elevation, centre, width)


@lru_cache(maxsize=64)
def _middle(width: float) -> np.ndarray:
    """A bell on the middle line."""
    return bell(_SHAPE.azimuth, 0, width)


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, a cubic between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def hairline(who: SimpleNamespace, azimuth: np.ndarray, lift: float = 0.) -> np.ndarray:
    """Elevation below which there is no hair, for each azimuth; radians."""
    side = smooth_step(np.abs(azimuth), .80, 1.22)
    line = (who.hairline - lift + who.widow_peak * bell(azimuth, 0, .14)
            - who.recession * (bell(azimuth, .42, .2) + bell(azimuth, -.42, .2)))
    return line + side * (who.sideburn - who.hairline)


def head_radius(who: SimpleNamespace, shot: SimpleNamespace) -> np.ndarray:
    """Radius map on the half-resolution grid, float32 (height, width), with hair and expression."""
    az, el = _SHAPE.azimuth, _SHAPE.elevation
    sin_a, cos_a, sin_e, cos_e = _SINES
    half_height = np.where(el < 0, who.head_up, who.head_down)
    width = who.head_width * (1 - who.jaw_taper * smooth_step(el, .25, 1.15)
                              - .10 * smooth_step(-el, .45, 1.3))
    n = who.squareness
    across = np.outer((cos_e / width) ** n, np.abs(sin_a) ** n)
    ahead = np.outer((cos_e / who.head_depth) ** n, np.abs(cos_a) ** n)
    along = ((np.abs(sin_e) / half_height) ** n)[:, None]
    radius = (across + ahead + along).astype(np.float32) ** (-1 / n)

    tip = who.nose_tip
    rows, cols = [], []

    def bump(size: float, row: np.ndarray, col: np.ndarray) -> None:
        rows.append(size * row)
        cols.append(col)

    skew = who.nose_skew
    slope = np.clip((el + .10) / (tip + .10), 0, 1)
    profile = who.nose_height * (who.nose_bridge * slope + (1 - who.nose_bridge) * slope ** 2)
    profile = profile * (1 - smooth_step(el, tip + .01, tip + .21))
    bump(.62, profile, bell(az, skew, .75 * who.nose_width))
    bump(.38, profile * slope, bell(az, skew, 1.35 * who.nose_width))
    bump(who.nose_hump, bell(el, tip * .35, .07), bell(az, skew, .06))
    bump(who.nose_bulb, bell(el, tip - .01, .055), bell(az, skew, .075))
    wings = bell(az, who.nose_wing_x, .05) + bell(az, -who.nose_wing_x, .05)
    bump(who.nose_wing, bell(el, tip + .015, .055), wings)
    eyes = bell(az, who.eye_x, .15) + bell(az, -who.eye_x, .15)
    bump(-who.eye_deep - .03, bell(el, who.eye_y, .085), eyes)
    balls = bell(az, who.eye_x, .075) + bell(az, -who.eye_x, .075)
    bump(.035, bell(el, who.eye_y, .055), balls)
    bump(-.02, bell(el, who.eye_y, .09), _middle(.10))
    bump(who.brow_ridge, bell(el, who.brow_y + .02, .07),
         _pair(.34, .17))
    cheeks = _pair(.60, .19)
    bump(who.cheekbone + .03 * max(shot.smile, 0), _level(.17, .13), cheeks)
    bump(-who.cheek_hollow, _level(.50, .15), _pair(.58, .17))
    bump(-who.temple, _level(-.40, .15), _pair(.85, .2))
    bump(who.forehead, _level(-.52, .2), _middle(.4))
    mouth = who.mouth_y
    bump(.045, bell(el, mouth, .14), _middle(.26))
    bump(.03 * who.lip_up / .042, bell(el, mouth - .035, .028), _middle(.16))
    bump(.035 * who.lip_low / .06, bell(el, mouth + .045, .032), _middle(.15))
    bump(-.03, bell(el, mouth + .13, .035), _middle(.16))
    bump(-.012 * who.philtrum, bell(el, mouth - .11, .05), _middle(.028))
    fold = .012 * who.age + .02 * max(shot.smile, 0)
    bump(-fold, _level(.44, .11), _pair(.27, .04))
    bump(who.chin_size, _level(.93, .11), bell(az, 0, who.chin_width))
    bump(-who.chin_cleft, _level(.95, .07), _middle(.035))
    bump(who.jaw_corner, _level(.66, .14), _pair(.95, .2))
    bump(.06 * shot.mouth_open, smooth_step(el, mouth + .02, mouth + .3), np.ones_like(az))
    radius += np.array(rows, np.float32).T @ np.array(cols, np.float32)

    if not who.bald or shot.hat:
        line = hairline(who, az, shot.hair_lift)
        if shot.hat:
            line = np.full_like(az, shot.hat_y)
        cover = np.clip((line[None] - el[:, None]) / .16, 0, 1).astype(np.float32)
        cover = cv2.GaussianBlur(cover, (0, 0), 2.5)
        fall = 1. if who.long_hair else .4 + .6 * smooth_step(-el, .1, .9)[:, None]
        radius += (who.hair_volume + .02) * fall * cover * (2 - cover)
    return radius


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Head to camera rotation, (3, 3): yaw about y, then pitch about x, then roll about z."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def _look_up(radius: np.ndarray, azimuth: Any, elevation: Any,
             interpolation: int = cv2.INTER_LINEAR) -> Any:
    u, v = _SHAPE.texels(azimuth, elevation)
    return cv2.remap(radius, np.asarray(u, np.float32), np.asarray(v, np.float32), interpolation,
                     borderMode=cv2.BORDER_REPLICATE)


def surface_points(radius: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Head-frame points (N, 3) of the surface at ``directions`` (N, 2) = azimuth, elevation."""
    az, el = directions[:, 0], directions[:, 1]
    r = _look_up(radius, az[:, None], el[:, None])[:, 0]
    return np.column_stack([r * np.sin(az) * np.cos(el), r * np.sin(el),
                            r * np.cos(az) * np.cos(el)])


def landmarks(who: SimpleNamespace, shot: SimpleNamespace, radius: np.ndarray) -> np.ndarray:
    """Five head-frame points (5, 3): eyes, nose tip, mouth corners, in the template's order."""
    corner = mouth_corner(who, shot)
    return surface_points(radius, np.array([
        [-who.eye_x, who.eye_y], [who.eye_x, who.eye_y], [who.nose_skew, who.nose_tip - .01],
        [-corner[0] + who.mouth_skew, corner[1] - who.mouth_tilt],
        [corner[0] + who.mouth_skew, corner[1] + who.mouth_tilt]]))


def mouth_corner(who: SimpleNamespace, shot: SimpleNamespace) -> tuple[float, float]:
    """Azimuth and elevation of the right-hand corner of the mouth before skew and tilt."""
    half = who.mouth_width * (1 + .22 * max(shot.smile, 0) - shot.pucker - .10 * shot.mouth_open)
    return half, who.mouth_y - .045 * shot.smile + .02 * shot.mouth_open


def intersect(radius: np.ndarray, x: np.ndarray, y: np.ndarray,
              turn: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where the rays of an orthographic camera meet the head, by fixed-point iteration.

    Args:
        radius: Map of :func:`head_radius`.
        x, y: Camera-plane coordinates of every pixel, float32 (H, W).
        turn: Head to camera rotation (3, 3).

    Returns:
        ``azimuth, elevation, z, margin``, each float32 (H, W); ``margin`` is the squared radius
        minus the squared distance of the ray from the centre: negative where the ray misses.
    """
    turn = turn.astype(np.float32)
    rho2 = x * x + y * y
    base = [turn[0, k] * x + turn[1, k] * y for k in range(3)]
    r = np.full_like(x, float(radius.mean()))
    previous = r
    for step in range(5):
        margin = r * r - rho2
        z = np.sqrt(np.maximum(margin, 0))
        hx, hy, hz = (base[k] + turn[2, k] * z for k in range(3))
        azimuth = np.arctan2(hx, hz)
        elevation = np.arctan2(hy, np.sqrt(hx * hx + hz * hz))
        if step == 4:
            break
        r = _look_up(radius, azimuth, elevation,
                     cv2.INTER_CUBIC if step == 3 else cv2.INTER_LINEAR)
        if step >= 1:
            r = .5 * (r + previous)
        previous = r
    # Near the limb two surfaces can answer one ray: take the neighbours' answer.
    margin = cv2.medianBlur(r, 5) ** 2 - rho2
    return azimuth, elevation, z, margin
