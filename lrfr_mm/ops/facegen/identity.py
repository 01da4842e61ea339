"""Who a synthetic person is: every trait that stays the same from picture to picture."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np

__all__ = ['TRAITS', 'sample_identity']

# name: (mean, standard deviation, lowest, highest). Lengths are in units of 100 mm, angles and
# positions on the head in radians (azimuth from the nose line, elevation downwards from the head's
# centre), the rest are factors from 0 to 1 or plain ratios.
TRAITS = {
    # head
    'head_width': (.755, .035, .67, .85),
    'head_up': (1.02, .035, .93, 1.12),
    'head_down': (1.22, .05, 1.10, 1.35),
    'head_depth': (.90, .03, .82, .98),
    'squareness': (2.25, .16, 2.0, 2.7),
    'jaw_taper': (.26, .075, .08, .44),
    'jaw_corner': (.035, .03, -.02, .11),
    'chin_size': (.05, .03, -.01, .12),
    'chin_width': (.20, .05, .11, .32),
    'chin_cleft': (.0, .018, 0., .05),
    'cheekbone': (.045, .025, 0., .11),
    'cheek_hollow': (.03, .035, -.05, .11),
    'brow_ridge': (.035, .02, 0., .08),
    'temple': (.02, .02, -.02, .07),
    'forehead': (.02, .02, -.02, .07),
    # nose
    'nose_height': (.235, .045, .14, .35),
    'nose_width': (.088, .015, .06, .13),
    'nose_tip': (.26, .028, .19, .33),
    'nose_bridge': (.55, .13, .25, .85),
    'nose_bulb': (.045, .025, .0, .10),
    'nose_wing': (.07, .022, .03, .13),
    'nose_wing_x': (.145, .022, .10, .20),
    'nose_hump': (.0, .022, -.03, .06),
    'nose_skew': (.0, .010, -.03, .03),
    'nostril_size': (.034, .009, .015, .055),
    'nostril_gap': (.078, .014, .05, .11),
    # eyes
    'eye_x': (.395, .026, .33, .46),
    'eye_y': (-.115, .018, -.16, -.07),
    'eye_width': (.148, .016, .11, .185),
    'eye_open': (.052, .014, .024, .088),
    'eye_low': (.034, .009, .015, .055),
    'eye_tilt': (.10, .13, -.22, .42),
    'eye_apex': (.0, .25, -.5, .5),
    'eye_deep': (.05, .02, .01, .10),
    'eye_asym': (.0, .06, -.14, .14),
    'lid_crease': (.030, .016, .0, .065),
    'iris_size': (.062, .005, .052, .074),
    'lash': (.55, .25, .1, 1.),
    'eye_bag': (.30, .25, .0, .9),
    'eye_shadow': (.25, .2, .0, .8),
    # brows
    'brow_y': (-.285, .028, -.36, -.22),
    'brow_thick': (.036, .013, .012, .068),
    'brow_length': (.205, .028, .14, .27),
    'brow_arch': (.035, .024, -.01, .09),
    'brow_tilt': (.03, .10, -.20, .25),
    'brow_gap': (.0, .03, -.06, .07),
    'brow_density': (.62, .2, .2, 1.),
    'brow_taper': (.5, .25, .0, 1.),
    # mouth
    'mouth_y': (.615, .03, .54, .69),
    'mouth_width': (.255, .033, .18, .34),
    'lip_up': (.042, .016, .014, .085),
    'lip_low': (.060, .018, .024, .11),
    'cupid': (.5, .3, .0, 1.),
    'mouth_tilt': (.0, .014, -.035, .035),
    'mouth_skew': (.0, .012, -.03, .03),
    'lip_red': (.45, .22, .05, .95),
    'philtrum': (.35, .25, .0, 1.),
    # skin
    'melanin': (.42, .29, .0, 1.),
    'redness': (.40, .22, .0, 1.),
    'blotch': (.45, .22, .1, 1.),
    'age': (.38, .27, .0, 1.),
    'freckles': (-.2, .5, .0, 1.),
    'pores': (.4, .25, .0, 1.),
    # hair
    'hairline': (-.93, .09, -1.12, -.72),
    'widow_peak': (.02, .06, -.08, .16),
    'recession': (.10, .14, -.08, .46),
    'sideburn': (.10, .25, -.35, .62),
    'hair_volume': (.07, .035, .01, .15),
    'hair_curl': (.35, .3, .0, 1.),
    'part_x': (.0, .45, -.8, .8),
    # ears
    'ear_size': (.30, .035, .23, .38),
    'ear_flare': (.30, .15, .05, .65),
    'ear_lobe': (.5, .3, .0, 1.),
}

_SKIN = np.array([[252, 222, 200], [238, 196, 164], [214, 166, 128], [172, 120, 84],
                  [122, 80, 54], [78, 50, 36]], np.float32)
_HAIR = np.array([[24, 20, 20], [44, 30, 24], [74, 48, 32], [112, 74, 44], [164, 120, 70],
                  [206, 170, 112], [140, 62, 30], [150, 148, 146], [206, 204, 200]], np.float32)
_HAIR_P = np.array([.26, .20, .16, .11, .09, .05, .04, .06, .03])
_IRIS = np.array([[58, 36, 22], [84, 54, 30], [112, 82, 44], [104, 112, 70], [86, 118, 140],
                  [120, 150, 176], [110, 120, 124]], np.float32)
_IRIS_P = np.array([.30, .22, .13, .10, .10, .09, .06])


def sample_identity(rng: np.random.Generator) -> SimpleNamespace:
    """Draw one person.

    Args:
        rng: Generator seeded by (set seed, identity number); it alone decides the person.

    Returns:
        The scalar traits of :data:`TRAITS` plus colours (RGB, 0 to 255, float32), the marks of the
        skin (arrays of azimuth, elevation, radius, strength), brow and wrinkle strokes, and seeds
        of the fine textures.
    """
    mean, std, low, high = np.array(list(TRAITS.values())).T
    values = np.clip(mean + std * rng.standard_normal(len(mean)), low, high)
    who = SimpleNamespace(**dict(zip(TRAITS, values.tolist())))

    tone = who.melanin * (len(_SKIN) - 1)
    first = min(int(tone), len(_SKIN) - 2)
    skin = _SKIN[first] + (tone - first) * (_SKIN[first + 1] - _SKIN[first])
    who.skin = (skin * (1 + np.array([.05, -.02, -.06]) * rng.standard_normal())).astype(np.float32)
    dark = who.melanin
    hair_p = _HAIR_P * np.array([1, 1, 1, 1 - .7 * dark, 1 - dark, 1 - dark, 1 - dark, 1, 1])
    who.hair = _HAIR[rng.choice(len(_HAIR), p=hair_p / hair_p.sum())]
    who.hair = who.hair * np.float32(rng.uniform(.8, 1.2))
    who.brow = who.hair * np.float32(rng.uniform(.47, .85))
    iris_p = _IRIS_P * np.array([1, 1, 1, 1 - dark, 1 - dark, 1 - dark, 1 - .6 * dark])
    who.iris = _IRIS[rng.choice(len(_IRIS), p=iris_p / iris_p.sum())] * rng.uniform(.85, 1.15)

    who.long_hair = rng.random() < .42
    who.fringe = rng.random() < (.32 if who.long_hair else .15)
    who.fringe_y = rng.uniform(-.62, -.40)
    who.fringe_slant = rng.normal(0, .18)
    who.bald = (not who.long_hair) and rng.random() < .09
    who.wears_glasses = rng.random() < .16
    who.frame = SimpleNamespace(round=rng.random(), size=rng.uniform(.19, .27),
                                thick=rng.uniform(.6, 1.8), colour=rng.uniform(10, 120, 3))
    can_grow = not who.long_hair and rng.random() < .62
    who.moustache = rng.uniform(.3, 1) if can_grow and rng.random() < .38 else 0.
    who.beard = rng.uniform(.2, 1) if can_grow and rng.random() < .38 else 0.
    who.beard_low = rng.uniform(.30, .62)
    who.stubble = rng.uniform(0, .5) if can_grow else 0.

    # Marks: azimuth, elevation, radius, strength; the dark ones are moles, the others spots.
    count = int(rng.integers(1, 8))
    who.moles = np.column_stack([rng.uniform(-.85, .85, count), rng.uniform(-.75, .95, count),
                                 rng.gamma(3., .004, count) + .010, rng.uniform(.35, 1., count)])
    count = int(70 * who.freckles)
    who.spots = np.column_stack([rng.normal(0, .42, count), rng.normal(.08, .20, count),
                                 rng.uniform(.006, .013, count), rng.uniform(.15, .45, count)])
    who.scar = None
    if rng.random() < .22:
        start = np.array([rng.uniform(-.75, .75), rng.uniform(-.7, .85)])
        step = rng.normal(0, .09, (3, 2))
        who.scar = np.vstack([start, start + np.cumsum(step, 0)])
    who.birthmark = None
    if rng.random() < .08:
        who.birthmark = (rng.uniform(-.7, .7), rng.uniform(-.7, .8), rng.uniform(.06, .14))
    who.brow_strokes = rng.uniform(0, 1, (2, 34, 3))
    who.wrinkles = rng.normal(0, 1, 24)
    who.noise_seed = int(rng.integers(2**31))
    return who
