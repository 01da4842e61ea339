"""How a synthetic person was photographed: all that changes from picture to picture."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np

__all__ = ['sample_capture']


def _clipped(rng: np.random.Generator, std: float, limit: float) -> float:
    return float(np.clip(rng.normal(0, std), -limit, limit))


def sample_capture(rng: np.random.Generator, who: SimpleNamespace) -> SimpleNamespace:
    """Draw one photograph of ``who``: pose, expression, light, accessories, camera.

    Args:
        rng: Generator seeded by (set seed, identity number, image number).
        who: The person of :func:`~lrfr_mm.ops.facegen.identity.sample_identity`.

    Returns:
        Yaw, pitch and roll in radians, expression factors, lights (direction, RGB strength),
        camera settings and the JPEG quality.
    """
    shot = SimpleNamespace()
    shot.yaw = _clipped(rng, .24, .62)
    shot.pitch = _clipped(rng, .12, .32)
    shot.roll = _clipped(rng, .10, .35)

    shot.smile = float(np.clip(rng.normal(.15, .45), -.7, 1.))
    shot.mouth_open = float(max(0., rng.normal(-.25, .45)))
    shot.pucker = float(np.clip(rng.normal(0, .06), -.12, .12))
    shot.eye_open = float(np.clip(rng.normal(1., .16), .35, 1.35))
    shot.gaze = rng.normal(0, [.020, .010])
    shot.brow_raise = _clipped(rng, .018, .05)
    shot.frown = float(max(0., rng.normal(-.1, .4)))
    shot.stubble = float(rng.uniform(.2, 1.2))
    shot.makeup = rng.uniform(.2, 1.) if who.long_hair and rng.random() < .4 else 0.
    shot.lipstick = rng.uniform([110, 15, 25], [215, 80, 110])
    shot.hair_lift = _clipped(rng, .03, .08)
    shot.hair_shift = rng.normal(0, .08)
    shot.hair_seed = int(rng.integers(2**31))

    shot.glasses = rng.random() < (.75 if who.wears_glasses else .04)
    shot.dark_glasses = shot.glasses and rng.random() < .06
    shot.glare = float(rng.uniform(0, .35))
    shot.hat = rng.random() < .04
    shot.hat_y = rng.uniform(-.80, -.60)
    shot.hat_colour = rng.uniform(20, 230, 3)

    # A main light somewhere in front, a weaker one anywhere, and the sky.
    azimuth, elevation = rng.normal(0, .75), rng.normal(-.45, .40)
    shot.light = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation),
                           abs(np.cos(azimuth)) * np.cos(elevation) + .15])
    shot.light /= np.linalg.norm(shot.light)
    azimuth = rng.uniform(-np.pi / 2, np.pi / 2)
    shot.fill = np.array([np.sin(azimuth), rng.normal(0, .3), abs(np.cos(azimuth)) + .1])
    shot.fill /= np.linalg.norm(shot.fill)
    shot.ambient = rng.uniform(.22, .62) * rng.normal(1, .05, 3)
    warmth = rng.normal(0, .10)
    cast = np.array([1 + warmth, 1 + rng.normal(0, .025), 1 - warmth])
    shot.light_rgb = rng.uniform(.45, 1.05) * cast
    shot.fill_rgb = rng.uniform(0, .35) * rng.uniform(.6, 1.2, 3)
    shot.shine = float(rng.gamma(2., .05))

    shot.exposure = float(np.exp(rng.normal(0, .20)))
    shot.contrast = float(np.exp(rng.normal(0, .12)))
    shot.saturation = float(np.clip(rng.normal(.95, .22), .0, 1.5))
    if rng.random() < .05:
        shot.saturation = 0.
    shot.blur = float(abs(rng.normal(0, .38)))
    shot.noise = float(rng.gamma(1.6, 1.0))
    shot.jpeg_quality = int(rng.integers(70, 98))
    shot.landmark_jitter = rng.normal(0, .014, (5, 2))
    shot.background_seed = int(rng.integers(2**31))
    shot.clothes = rng.uniform(10, 240, 3)
    return shot
