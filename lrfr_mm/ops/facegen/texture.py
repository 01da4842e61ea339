"""The skin, eyes, mouth and hair of a synthetic head, drawn on the map of directions."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from lrfr_mm.ops.facegen.geometry import GRID, Grid, bell, hairline, mouth_corner, smooth_step

__all__ = ['draw_albedo', 'paint_hair']

_SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions
_COARSE = GRID.coarse(2)  # colours of the skin vary slowly: half the resolution is enough
_AZ, _EL = _COARSE.azimuth, _COARSE.elevation
_T = np.linspace(0, 1, 15)
_ARC = np.sin(np.pi * _T)
_LOOK = np.linspace(-np.pi, np.pi, 513, dtype=np.float32)


def _texels(azimuth: Any, elevation: Any) -> np.ndarray:
    """Directions to OpenCV's fixed-point polygon (1, N, 2)."""
    points = np.empty((1, len(azimuth), 2), np.int32)
    points[0, :, 0] = np.asarray(azimuth) * (GRID.scale * 16) + (GRID.width * 8 + .5)
    points[0, :, 1] = np.asarray(elevation) * (GRID.scale * 16) + (GRID.height * 8 + .5)
    return points


def _loop(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    return np.concatenate((there, back[::-1]))


def _fill(image: np.ndarray, azimuth: Any, elevation: Any, colour: Any) -> None:
    cv2.fillPoly(image, list(_texels(azimuth, elevation)), colour, cv2.LINE_AA, _SHIFT)


def _line(image: np.ndarray, azimuth: Any, elevation: Any, colour: Any,
          thickness: int = 1) -> None:
    cv2.polylines(image, list(_texels(azimuth, elevation)), False, colour, thickness, cv2.LINE_AA,
                  _SHIFT)


def _disc(image: np.ndarray, azimuth: Any, elevation: Any, radius: Any, colour: Any) -> None:
    (centre,) = _texels([azimuth], [elevation])[0]
    size = max(1, int(radius * GRID.scale * (1 << _SHIFT)))
    cv2.circle(image, centre.tolist(), size, colour, -1, cv2.LINE_AA, _SHIFT)


def _rgb(colour: Any) -> tuple[float, ...]:
    return tuple(min(255., max(0., c)) for c in colour.tolist())


def _noise(rng: np.random.Generator, cells: int, grid: Grid = _COARSE) -> np.ndarray:
    """Smooth noise over the whole map, ``cells`` grains across, about unit variance."""
    shape = (max(2, cells * grid.height // grid.width), cells)
    grains = rng.standard_normal(shape, np.float32)
    return cv2.resize(grains, (grid.width, grid.height), interpolation=cv2.INTER_CUBIC)


def draw_albedo(who: SimpleNamespace, shot: SimpleNamespace) -> np.ndarray:
    """Albedo of the whole head without its hair, uint8 RGB (208, 256, 3) on :data:`GRID`."""
    skin = _skin(who, shot)
    _marks(skin, who)
    creases = np.zeros((GRID.height, GRID.width), np.uint8)
    for side, right in ((-1, 0), (1, 1)):
        _eye(skin, creases, who, shot, side)
        _brow(skin, who, shot, side, right)
    _nose(creases, who)
    _mouth(skin, creases, who, shot)
    _wrinkles(creases, who, shot)
    keep = 255 - cv2.GaussianBlur(creases, (0, 0), 1.1)
    return cv2.multiply(skin, cv2.merge([keep, keep, keep]), scale=1 / 255)


def _bare_skin(who: SimpleNamespace) -> np.ndarray:
    """Colour of the skin without hair and marks, float32 (104, 128, 3): the same in every picture,
    so it is kept with the person."""
    if not hasattr(who, 'bare_skin'):
        rng = np.random.default_rng(who.noise_seed)
        dark = who.melanin
        mottle = (.035 * _noise(rng, 9) + .03 * _noise(rng, 24)) * (.4 + who.blotch)
        mottle += .03 * who.pores * _noise(rng, 60)
        bald_shadow = 1 - .10 * smooth_step(-_EL, .75, 1.05)[:, None]
        red = (np.outer(bell(_EL, .22, .15), bell(_AZ, .52, .2) + bell(_AZ, -.52, .2))
               + .8 * np.outer(bell(_EL, who.nose_tip, .09), bell(_AZ, 0, .12)))
        red = red * who.redness * (.26 - .18 * dark) + .035 * who.blotch * _noise(rng, 14)
        shadow = np.outer(bell(_EL, who.eye_y + .015, .085),
                          bell(_AZ, who.eye_x, .14) + bell(_AZ, -who.eye_x, .14))
        tone = (1 + mottle) * bald_shadow - (.03 + .16 * who.eye_shadow) * shadow
        pixels = np.stack([colour * tone * (1 + tint * red)
                           for colour, tint in zip(who.skin, (.25, -.75, -.6), strict=True)], -1)
        if who.birthmark is not None:
            az, el, size = who.birthmark
            spot = np.exp(-.5 * (((_AZ - az) / size) ** 2 + (((_EL - el) / size) ** 2)[:, None])
                          + .5 * _noise(rng, 20))
            shade = np.array([.22, .45, .40], np.float32)
            pixels *= 1 - np.clip(1.6 * spot - .5, 0, 1)[..., None] * shade
        who.bare_skin = np.maximum(pixels, 0).astype(np.float32)
        pores = cv2.convertScaleAbs(_noise(rng, 110, GRID), alpha=6.4 * who.pores, beta=128)
        who.pore_map = cv2.merge([pores, pores, pores])  # 128 is neutral
        who.grain = .88 + .16 * _noise(rng, 120)
    return who.bare_skin


def _skin(who: SimpleNamespace, shot: SimpleNamespace) -> np.ndarray:
    pixels = _bare_skin(who)
    hairy = _facial_hair(who, shot)
    if hairy is not None:
        pixels = pixels + hairy[..., None] * (np.float32(.75) * who.hair - pixels)
    pixels = cv2.resize(cv2.convertScaleAbs(pixels), (GRID.width, GRID.height))
    return cv2.multiply(pixels, who.pore_map, scale=1 / 128)


def _facial_hair(who: SimpleNamespace, shot: SimpleNamespace) -> np.ndarray | None:
    """Opacity of moustache, beard and stubble, float32 map from 0 to 1; None without any."""
    stubble = .45 * who.stubble * shot.stubble
    if max(who.moustache, who.beard, stubble) < .03:
        return None
    lip = who.mouth_y - .075
    row_lip = bell(_EL, lip, .042)
    upper = np.outer(row_lip, smooth_step(.30 - np.abs(_AZ), 0, .10))
    cheek_line = who.beard_low + .28 * smooth_step(-np.abs(_AZ), -.75, -.15)
    below = np.clip((_EL[:, None] - cheek_line[None]) / .13, 0, 1)
    mouth_hole = np.outer(bell(_EL, who.mouth_y + .01, .055),
                          smooth_step(.34 - np.abs(_AZ), 0, .12))
    beard = below * np.clip(1 - 1.3 * mouth_hole, 0, 1)
    cover = np.maximum(np.maximum(who.moustache * upper, who.beard * beard),
                       stubble * np.maximum(upper, beard))
    return np.clip(cover * who.grain, 0, .95).astype(np.float32)


def _marks(skin: np.ndarray, who: SimpleNamespace) -> None:
    for az, el, size, strength in who.spots:
        _disc(skin, az, el, size, _rgb(who.skin * (1 - strength * np.array([.3, .5, .6]))))
    for az, el, size, strength in who.moles:
        _disc(skin, az, el, size, _rgb(who.skin * (1 - strength * np.array([.65, .75, .8]))))
    if who.scar is not None:
        _line(skin, who.scar[:, 0], who.scar[:, 1], _rgb(who.skin * [1.12, .92, .88] + 14), 1)


def _eye(skin: np.ndarray, creases: np.ndarray, who: SimpleNamespace, shot: SimpleNamespace,
         side: int) -> None:
    asym = 1 + side * who.eye_asym
    cx, cy, half = side * who.eye_x, who.eye_y, who.eye_width * 1.02
    opened = shot.eye_open * asym * (1 - .22 * max(shot.smile, 0) * .6)
    along = cx + side * half * (2 * _T - 1)
    tilt = -who.eye_tilt * half * (2 * _T - 1)
    apex = np.sin(np.pi * _T ** np.exp(-.5 * who.eye_apex))
    upper = cy + tilt - who.eye_open * opened * apex ** .8
    lower = cy + tilt + who.eye_low * (.75 + .25 * opened) * _ARC ** .9
    # The lid between crease and lashes, the crease itself, the bag below.
    crease = upper - who.lid_crease * (.35 + .65 * _ARC) - .012
    if who.lid_crease > .012:
        _line(creases, along, crease, 70 + 60 * min(1., who.lid_crease / .05), 1)
    if shot.makeup:
        lid = _rgb(who.skin * (1 - .45 * shot.makeup))
        _fill(skin, _loop(along, along), _loop(upper, crease), lid)
    bag = cy + .075 + .018 * _ARC + tilt * .5
    _line(creases, along, bag, int(20 + 75 * who.eye_bag), 2)

    almond_az, almond_el = _loop(along, along), _loop(upper, lower)
    u0, v0 = GRID.texels(cx - half - .05, cy - .14)
    u1, v1 = GRID.texels(cx + half + .05, cy + .14)
    window = np.s_[int(v0):int(v1) + 1, int(u0):int(u1) + 1]
    ball = np.empty_like(skin)
    ball[window] = (216, 208, 202)
    gaze_az, gaze_el = cx + shot.gaze[0], cy - .006 + shot.gaze[1]
    size = who.iris_size
    _disc(ball, gaze_az, gaze_el, size, _rgb(who.iris * .45))
    _disc(ball, gaze_az, gaze_el, size * .84, _rgb(who.iris * 1.15))
    _disc(ball, gaze_az, gaze_el, size * .44, (12, 10, 10))
    _disc(ball, gaze_az - .022, gaze_el - .022, .013, (250, 250, 250))
    mask = np.zeros(skin.shape[:2], np.uint8)
    _fill(mask, almond_az, almond_el, 255)
    alpha = mask[window][..., None].astype(np.float32) * (1 / 255)
    # The upper lid shades the ball.
    shade = np.zeros(skin.shape[:2], np.uint8)
    _line(shade, along, upper + .014, 90, 3)
    eye = ball[window] * (1 - shade[window][..., None] * np.float32(1 / 255))
    skin[window] = (skin[window] * (1 - alpha) + eye * alpha).astype(np.uint8)

    dark = _rgb(np.minimum(who.brow * .35, 60))
    _line(skin, along, upper, dark, 2 if who.lash + shot.makeup > .55 else 1)
    _line(skin, along[4:], lower[4:] + .004, _rgb(who.skin * (.75 - .25 * who.lash)), 1)
    if who.lash + .5 * shot.makeup > .7:
        tail = np.array([along[-1], along[-1] + side * .03])
        _line(skin, tail, [upper[-1], upper[-1] - .02], dark, 1)
    # Inner corner.
    _disc(skin, along[0] + side * .014, cy + tilt[0] + .002, .011, _rgb(who.skin * [.95, .66, .62]))


def _brow(skin: np.ndarray, who: SimpleNamespace, shot: SimpleNamespace, side: int,
          right: int) -> None:
    length, thick = who.brow_length, who.brow_thick
    inner = who.eye_x - who.eye_width + who.brow_gap + .01 - .02 * shot.frown
    lift = who.brow_y - shot.brow_raise

    def middle(t: np.ndarray) -> Any:
        arch = who.brow_arch * (np.sin(np.pi * t ** 1.4))
        return lift - arch - who.brow_tilt * length * (t - .5) + .045 * shot.frown * (1 - t)

    def width(t: np.ndarray) -> Any:
        return thick * (1 - who.brow_taper * .8 * t ** 1.5) * np.minimum(1, .55 + 2.2 * t)

    along = side * (inner + length * _T * 1.35)
    u, v = GRID.texels(side * inner + min(0, side) * length * 1.35, who.brow_y)
    window = np.s_[int(v) - 24:int(v) + 24, int(u) - 3:int(u + length * 1.35 * GRID.scale) + 3]
    bare = skin[window].copy()
    _fill(skin, _loop(along, along),
          _loop(middle(_T) - width(_T) / 2, middle(_T) + width(_T) / 2), _rgb(who.brow))
    weight = .25 + .55 * who.brow_density
    skin[window] = cv2.addWeighted(skin[window], weight, bare, 1 - weight, 0)
    strokes = who.brow_strokes[right][: int(12 + 22 * who.brow_density)]
    t = strokes[:, 0]
    start_az = inner + length * 1.35 * t
    start_el = middle(t) + (strokes[:, 1] - .35) * width(t)
    end_az = start_az + .035 + .02 * strokes[:, 2]
    end_el = start_el - .045 * (1 - t) + .012
    lines = np.stack([_texels(side * start_az, start_el)[0], _texels(side * end_az, end_el)[0]], 1)
    cv2.polylines(skin, list(lines), False, _rgb(who.brow * .8), 1, cv2.LINE_AA, _SHIFT)


def _nose(creases: np.ndarray, who: SimpleNamespace) -> None:
    tip, skew = who.nose_tip, who.nose_skew
    size = who.nostril_size * GRID.scale * 16
    for side in (-1, 1):
        centre = _texels([skew + side * who.nostril_gap], [tip + .062])[0, 0].tolist()
        cv2.ellipse(creases, centre, (int(size * 1.25), int(size * .6)), -18 * side, 0, 360, 205,
                    -1, cv2.LINE_AA, _SHIFT)
        t = np.linspace(-1.2, 1.2, 8)
        _line(creases, skew + side * (who.nose_wing_x + .02 - .035 * t ** 2), tip + .02 + .04 * t,
              int(15 + 500 * who.nose_wing), 1)


def _mouth(skin: np.ndarray, creases: np.ndarray, who: SimpleNamespace,
           shot: SimpleNamespace) -> None:
    half, corner_el = mouth_corner(who, shot)
    s = 2 * _T - 1
    az = who.mouth_skew + half * s
    gap = .085 * shot.mouth_open + .012 * max(shot.smile, 0)
    centre = who.mouth_y + .01
    bend = corner_el - centre
    middle = centre + bend * np.abs(s) ** 1.7 + who.mouth_tilt * s
    round_ = (1 - s ** 2)
    up, low = who.lip_up * (1 - .15 * max(shot.smile, 0)), who.lip_low
    bow = 1 - .45 * who.cupid * bell(s, 0, .13) + .12 * who.cupid * (bell(s, .28, .15)
                                                                      + bell(s, -.28, .15))
    inner_up, inner_low = middle - .35 * gap * round_, middle + .9 * gap * round_
    outer_up = inner_up - up * round_ ** .65 * bow
    outer_low = inner_low + low * round_ ** .6
    pink = who.skin * (1 - (.18 + .30 * who.lip_red) * np.array([.35, 1., .85]))
    pink = pink * (1 - .6 * shot.makeup) + shot.lipstick * .6 * shot.makeup
    _fill(skin, _loop(az, az), _loop(outer_low, inner_low), _rgb(pink * 1.06))
    _fill(skin, _loop(az, az), _loop(outer_up, inner_up), _rgb(pink * .88))
    if gap > .015:
        _fill(skin, _loop(az, az), _loop(inner_up, inner_low), (52, 20, 20))
        teeth = inner_up + np.minimum(.055, .62 * (inner_low - inner_up))
        _fill(skin, _loop(az[3:-3], az[3:-3]), _loop(inner_up[3:-3], teeth[3:-3]),
              (222, 214, 200))
    _line(creases, az, middle if gap <= .015 else inner_up, 120, 1)
    for k in (0, -1):
        _disc(creases, az[k], middle[k], .016, 110)
    _line(creases, az[3:-3], outer_low[3:-3] + .028, 45, 2)
    for side in (-1, 1):
        _line(creases, [side * .030, side * .036], [who.nose_tip + .14, who.mouth_y - up - .04],
              int(28 * who.philtrum), 1)


def _wrinkles(creases: np.ndarray, who: SimpleNamespace, shot: SimpleNamespace) -> None:
    w = who.wrinkles
    age = who.age
    smile = max(shot.smile, 0)
    for side in (-1, 1):
        t = np.linspace(0, 1, 7)
        depth = 4 + 70 * age + 45 * smile
        _line(creases, side * (.19 + .02 * w[0] + (.14 + .03 * w[1]) * t),
              who.nose_tip + .06 + (.30 + .03 * w[2]) * t - .03 * np.sin(np.pi * t),
              int(min(150, depth)), 1)
        if age > .45:
            for k in range(3):
                _line(creases, side * (.585 + np.array([0, .05, .09 + .01 * w[3 + k]])),
                      who.eye_y + (k - 1) * .045 + np.array([0, .008, .02]) * (k - 1)
                      + .01 * w[6], int(70 * age + 40 * smile), 1)
            _line(creases, side * (.30 + .015 * w[7] + .02 * t), .66 + .16 * t,
                  int(80 * max(0, age - .4)), 1)
    rows = int(np.clip(round(4 * age + .8 * w[8]), 0, 4))
    for k in range(rows):
        x = np.linspace(-.36 - .05 * w[9 + k], .36 + .05 * w[13 + k], 9)
        y = -.46 - .075 * k + .008 * w[17 + k] + .018 * np.cos(5 * x + w[13 + k])
        _line(creases, x, y - shot.brow_raise, int(30 + 55 * age + 500 * abs(shot.brow_raise)), 1)
    if age + shot.frown > .5:
        for side in (-1, 1):
            _line(creases, [side * (.055 + .01 * w[21]), side * .045], [-.30, -.19 + .01 * w[22]],
                  int(min(130, 45 * age + 80 * shot.frown)), 1)


def paint_hair(albedo: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray,
               who: SimpleNamespace, shot: SimpleNamespace) -> None:
    """Cover ``albedo`` with hair, fringe and hat, in place.

    Args:
        albedo: float32 RGB (H, W, 3), 0 to 255.
        azimuth, elevation: Direction that each pixel shows, float32 (H, W).
        who, shot: The person and the photograph.
    """
    if not who.bald:
        messy = np.random.default_rng(shot.hair_seed)
        line = _curve(hairline(who, _LOOK, shot.hair_lift)
                      + np.interp(_LOOK * 30, np.arange(-60, 61), .02 * messy.standard_normal(121)),
                      azimuth)
        cover = np.clip((line - elevation) * (1 / .045) + .5, 0, 1)
        if who.fringe:
            jag = np.interp(_LOOK * 22, np.arange(-45, 46), .035 * messy.standard_normal(91))
            edge = _curve(np.where(np.abs(_LOOK) < .98, who.fringe_y - shot.hair_lift
                                   + who.fringe_slant * _LOOK + jag, -2.), azimuth)
            cover = np.maximum(cover, np.clip((edge - elevation) * 20 + .5, 0, 1))
        # Strands run from the parting outwards and down: their index is a slope seen from it.
        az = azimuth - np.float32(shot.hair_shift)
        strand = (az - np.float32(who.part_x * .5)) / (elevation + np.float32(1.85)) * 42
        if who.hair_curl > .3:
            strand += np.float32(2.2 * who.hair_curl) * np.sin(14 * elevation + 4 * az)
        table = np.random.default_rng(who.noise_seed).standard_normal((1, 256)).astype(np.float32)
        table += .6 * table[:, (np.arange(256) * 7 + 13) % 256]
        value = cv2.remap(table, strand + 128, np.zeros_like(strand), cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT)
        bright = np.clip(.86 + .17 * value + .22 * bell(elevation, -1.05, .10), .3, 1.6)
        for k in range(3):
            albedo[..., k] += cover * (np.float32(who.hair[k]) * bright - albedo[..., k])
    if shot.hat:
        edge = np.clip((np.float32(shot.hat_y) - elevation) * 33 + .5, 0, 1)
        knit = (1 + .10 * np.sin(azimuth * 60) - .25 * bell(elevation, shot.hat_y - .12, .015))
        for k in range(3):
            albedo[..., k] += edge * (np.float32(shot.hat_colour[k]) * knit - albedo[..., k])


def _curve(values: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    """A curve sampled at :data:`_LOOK`, read at every pixel's azimuth."""
    position = (azimuth - _LOOK[0]) * np.float32(1 / (_LOOK[1] - _LOOK[0]))
    return cv2.remap(values[None].astype(np.float32), position, np.zeros_like(position),
                     cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
