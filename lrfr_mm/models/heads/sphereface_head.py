"""SphereFace: a margin that multiplies the angle."""
from __future__ import annotations

import math

import torch

from lrfr_mm.models.heads.angles import angle_of, monotone_cosine
from lrfr_mm.models.heads.margin_head import CosineBatch, MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['SphereFaceHead']


@MODELS.register_module()
class SphereFaceHead(MarginHead):
    """psi(theta) = (-1)^k cos(m theta) - 2k on [k pi / m, (k + 1) pi / m] on the target.

    ``form='published'`` (SphereFace; Liu et al., CVPR 2017, eq. 7): the logits are |x| cos(theta),
    with the embedding's own length, and the target is annealed::

        |x| (lambda cos(theta) + psi(theta)) / (1 + lambda)
        lambda = max(lambda_min, lambda_base / (1 + lambda_gamma i))

    where i counts the calls of the loss in training (the authors' schedule and values; with two
    views it advances twice a step). Deviation: class weights are normalised in the logits, not
    after each step, which gives the same logits; biases are zero, as in the paper.

    The other forms are SphereFace-R's (Liu et al., TPAMI 2022) with normalised embeddings and scale
    s, without annealing: 'v0' has psi on the target, 'v1' cos(min(m theta, pi)), 'v2' the plain
    cosine on the target and cos(theta / m) on the others. As there, only the values carry the
    margin: the gradient is that of the plain cosine (characteristic gradient detachment).

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s of the normalised forms; None in the published one, which has none.
        margin: m, at least 1; 4 in the published form, 1.5 in the normalised ones.
        form: 'published', 'v0', 'v1' or 'v2'.
        lambda_base, lambda_gamma, lambda_min: The annealing.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512,
                 scale: float | None = None, margin: float | None = None, form: str = 'published',
                 lambda_base: float = 1000., lambda_gamma: float = .12, lambda_min: float = 5.,
                 init_cfg: dict | None = None):
        if form not in ('published', 'v0', 'v1', 'v2'):
            raise ValueError(f"form must be 'published', 'v0', 'v1' or 'v2', got {form!r}")
        published = form == 'published'
        if published and scale is not None:
            raise ValueError("the published form keeps the embedding's length and has no scale; "
                             f"form='v0' has one, got scale={scale}")
        margin = (4. if published else 1.5) if margin is None else margin
        check_range('margin', margin, 1, math.inf)
        super().__init__(num_classes, in_channels, scale or 30., margin, init_cfg=init_cfg)
        self.form = form
        self.lambda_base, self.lambda_gamma = lambda_base, lambda_gamma
        self.lambda_min = lambda_min
        self.register_buffer('iteration', torch.tensor(0))

    @property
    def annealing(self) -> torch.Tensor:
        """lambda of the last step, float64 ()."""
        falling = self.lambda_base / (1 + self.lambda_gamma * self.iteration.double())
        return falling.clamp(min=self.lambda_min)

    def update_statistics(self, cosine: torch.Tensor, norms: torch.Tensor) -> None:
        self.iteration += 1

    def logit_scale(self, norms: torch.Tensor) -> float | torch.Tensor:
        return norms if self.form == 'published' else self.scale

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        if self.form == 'published':
            psi = monotone_cosine(self.margin * angle_of(cosine))
            annealing = self.annealing.to(cosine.dtype)
            return (annealing * cosine + psi) / (1 + annealing)
        if self.form == 'v0':
            return _detached(monotone_cosine(self.margin * angle_of(cosine)), cosine)
        if self.form == 'v1':
            return _detached((self.margin * angle_of(cosine)).clamp(max=math.pi).cos(), cosine)
        return cosine

    def other_cosines(self, batch: CosineBatch) -> torch.Tensor:
        if self.form != 'v2':
            return batch.cosines
        return _detached((angle_of(batch.cosines) / self.margin).cos(), batch.cosines)


def _detached(value: torch.Tensor, cosine: torch.Tensor) -> torch.Tensor:
    """``value``, with the gradient of ``cosine``."""
    return cosine + (value - cosine).detach()
