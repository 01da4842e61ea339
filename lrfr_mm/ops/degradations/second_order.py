"""Two rounds of blur, resizing, noise and compression, each drawn at random."""
from __future__ import annotations

import cv2
import numpy as np

from lrfr_mm.ops.degradations.blur import convolve, gaussian_kernel, motion_kernel
from lrfr_mm.ops.degradations.sensor import gaussian_noise, jpeg, poisson_noise, sharpen
from lrfr_mm.ops.degradations.table import register

_SHRINKING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)
_ENLARGING = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@register('second_order', draws=True)
def second_order(image: np.ndarray, resolution: int, rng: np.random.Generator) -> np.ndarray:
    """The second-order model of Real-ESRGAN (Wang et al., ICCVW 2021, section 3.2) for faces.

    Round 1 ends at a side between r and the image's, round 2 at r x r. Each round blurs (an
    isotropic or anisotropic Gaussian, or motion), resizes, adds Gaussian or Poisson noise and
    compresses by JPEG 30 to 95. The image is then sharpened in one case of three and enlarged to
    its own size.

    Probabilities and ranges are Real-ESRGAN's with these changes. Its blurs are of images four
    times the side of their result; here sigma is a share of the pixels that the round ends with:
    0.05 to 0.75 in round 1 (its 0.2 to 3 px at 4 px a pixel), 0.05 to 0.4 in round 2. Motion blur,
    sharpening and nearest-neighbour shrinking are added, generalised Gaussians and sinc filters
    are left out. Noise of round 2, which nothing averages, has 1 to 10 levels, not 1 to 25: at 7 px
    there is nothing left of a face under more.
    """
    side = max(image.shape[:2])
    middle = round(np.exp(rng.uniform(np.log(resolution), np.log(side))))
    x = image.astype(np.float32)
    x = _round(x, middle, (.05, .75), (1, 30), (.05, 3.), rng)
    x = _round(x, resolution, (.05, .4), (1, 10), (.05, 1.), rng)
    if rng.random() < 1 / 3:
        x = sharpen(x, rng.uniform(.2, 1.), rng.uniform(.5, 1.5))
    x = cv2.resize(np.clip(x, 0, 255), image.shape[1::-1],
                   interpolation=_ENLARGING[rng.integers(len(_ENLARGING))])
    return np.clip(np.rint(x), 0, 255).astype(np.uint8)


def _round(x: np.ndarray, side: int, blur: tuple[float, float], gaussian: tuple[float, float],
           poisson: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """One round on ``x`` (H, W, 3), float32 of 0 to 255, down to ``side`` x ``side``."""
    pitch = max(x.shape[:2]) / side
    if rng.random() < .8:
        x = convolve(x, _kernel(blur, pitch, rng))
    x = cv2.resize(x, (side, side), interpolation=_SHRINKING[rng.choice(4, p=(.4, .25, .25, .1))])
    grey = rng.random() < .4
    if rng.random() < .5:
        x = gaussian_noise(x, rng.uniform(*gaussian), grey, rng)
    else:
        x = poisson_noise(x, rng.uniform(*poisson), grey, rng)
    return jpeg(x, int(rng.integers(30, 96)))


def _kernel(blur: tuple[float, float], pitch: float, rng: np.random.Generator) -> np.ndarray:
    """A kernel for an image of which ``pitch`` px become one; sigmas are shares of that one."""
    angle, kind = rng.uniform(0, np.pi), rng.random()
    first, second = pitch * rng.uniform(*blur, 2)
    if kind < .5:
        return gaussian_kernel(first, first)
    if kind < .8:
        return gaussian_kernel(first, second, angle)
    return motion_kernel(rng.uniform(0, 1.5) * pitch, angle)
