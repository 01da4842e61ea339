"""Angular margins as functions of a cosine."""
from __future__ import annotations

import torch

__all__ = ['angle_of', 'cosine_of_sum', 'margin_on_angle', 'monotone_cosine']


def angle_of(cosine: torch.Tensor) -> torch.Tensor:
    """acos with a finite gradient at -1 and 1."""
    return torch.acos(cosine.clamp(-1 + 1e-7, 1 - 1e-7))


def cosine_of_sum(cosine: torch.Tensor, margin: float | torch.Tensor) -> torch.Tensor:
    """cos(theta + m) = cos(theta) cos(m) - sin(theta) sin(m), from cos(theta).

    Args:
        cosine: cos(theta), any shape.
        margin: m in radians, a number or a tensor like ``cosine``.
    """
    margin = torch.as_tensor(margin, dtype=cosine.dtype, device=cosine.device)
    sine = (1 - cosine * cosine).clamp(min=1e-12).sqrt()  # the gradient of sqrt(0) is infinite
    return cosine * margin.cos() - sine * margin.sin()


def margin_on_angle(cosine: torch.Tensor, margin: float | torch.Tensor) -> torch.Tensor:
    """cos(theta + m), and cos(theta) - m sin(m) where theta + m exceeds pi and the cosine would
    rise again.
    """
    margin = torch.as_tensor(margin, dtype=cosine.dtype, device=cosine.device)
    return torch.where(cosine > -margin.cos(), cosine_of_sum(cosine, margin),
                       cosine - margin * margin.sin())


def monotone_cosine(angle: torch.Tensor) -> torch.Tensor:
    """(-1)^k cos(a) - 2k on [k pi, (k + 1) pi]: the cosine up to pi, and falling on beyond."""
    k = (angle.detach() / torch.pi).floor()
    return (1 - 2 * (k % 2)) * torch.cos(angle) - 2 * k
