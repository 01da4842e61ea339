"""The softmax over cosines with many classes, a chunk of classes at a time.

The matrix of logits, N x C, is what a head needs most memory for: at 512 samples and 29 million
classes 55 GiB. Here a chunk of its columns exists at a time; the backward pass computes it again,
which costs one more matrix product of four.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import distributed as dist
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from lrfr_mm.models.heads.split_softmax import Processes

__all__ = ['ChunkedCosines', 'split_cross_entropy']


class ChunkedCosines(torch.autograd.Function):
    """Log-sum-exp of the scaled cosines with all other classes, and the cosine with the own class.
    """

    @staticmethod
    def forward(ctx, embeddings: torch.Tensor, weight: torch.Tensor, columns: torch.Tensor,
                scale: float, chunk: int, compiled: bool = False
                ) -> tuple[torch.Tensor, torch.Tensor]:
        """Visit the classes once.

        Args:
            embeddings: Unit vectors, (N, D).
            weight: Class weights of this process, of any length, (C_local, D).
            columns: Row of ``weight`` of each sample's class, int64 (N,); -1 where another process
                has it.
            scale: Factor s of the cosines.
            chunk: Classes at a time.
            compiled: Compile what is done with a chunk with torch.compile.

        Returns:
            log sum over j other than the own class of exp(s cos_j), and the cosine with the own
            class (0 where another process has it), each (N,).
        """
        shrink = weight.norm(dim=1).clamp_(min=1e-12).reciprocal_()
        here = columns >= 0
        own_row = columns.clamp(min=0)
        own = (embeddings * weight[own_row]).sum(1) * shrink[own_row] * here
        log_sum = embeddings.new_full((len(embeddings),), -math.inf)
        for start in range(0, len(weight), chunk):
            part = slice(start, start + chunk)
            log_sum = torch.logaddexp(log_sum, _of_a_chunk(_log_sum, compiled)(
                embeddings, weight[part], shrink[part], columns - start, scale))
        ctx.save_for_backward(embeddings, weight, shrink, columns, log_sum, own)
        ctx.scale, ctx.chunk, ctx.compiled = scale, chunk, compiled
        return log_sum, own

    @staticmethod
    @once_differentiable
    def backward(ctx, to_sum: torch.Tensor, to_own: torch.Tensor):
        embeddings, weight, shrink, columns, log_sum, own = ctx.saved_tensors
        scale, chunk = ctx.scale, ctx.chunk
        to_embeddings, to_weight = torch.zeros_like(embeddings), torch.zeros_like(weight)
        # With a single class there is no other one: its log-sum is -inf, and exp(-inf + inf) NaN.
        top = torch.where(log_sum > -math.inf, log_sum, torch.zeros_like(log_sum))
        for start in range(0, len(weight), chunk):
            part = slice(start, start + chunk)
            grad = _of_a_chunk(_gradient, ctx.compiled)(
                embeddings, weight[part], shrink[part], columns - start, scale, top, to_sum)
            _add_gradients(grad, embeddings, weight[part], shrink[part], to_embeddings,
                           to_weight[part])
        here = columns >= 0
        own_row = columns.clamp(min=0)
        rows = weight[own_row]
        factor = (to_own * here * shrink[own_row])[:, None]
        to_embeddings.addcmul_(factor, rows)
        along = (own * shrink[own_row])[:, None]
        to_weight.index_add_(0, own_row, factor * (embeddings - along * rows))
        return to_embeddings, to_weight, None, None, None, None


def _log_sum(embeddings: torch.Tensor, weight: torch.Tensor, shrink: torch.Tensor,
             columns: torch.Tensor, scale: float) -> torch.Tensor:
    """Log-sum-exp of a chunk's logits, (N,)."""
    return _logits(embeddings, weight, shrink, columns, scale).logsumexp(1)


def _gradient(embeddings: torch.Tensor, weight: torch.Tensor, shrink: torch.Tensor,
              columns: torch.Tensor, scale: float, top: torch.Tensor, to_sum: torch.Tensor
              ) -> torch.Tensor:
    """Gradient of each product e w of a chunk, without the share along w, (N, chunk)."""
    logits = _logits(embeddings, weight, shrink, columns, scale)
    return logits.sub_(top[:, None]).exp_().mul_((scale * to_sum)[:, None]).mul_(shrink)


@lru_cache(maxsize=4)
def _of_a_chunk(function: Callable, compiled: bool) -> Callable:
    return torch.compile(function, fullgraph=True) if compiled else function


def _logits(embeddings: torch.Tensor, weight: torch.Tensor, shrink: torch.Tensor,
            columns: torch.Tensor, scale: float) -> torch.Tensor:
    """Scaled cosines with a chunk's classes, -inf at the own class, (N, chunk).

    ``columns``: row of ``weight`` of each sample's class, (N,); outside of it for another chunk's.
    """
    logits = F.linear(embeddings, weight).mul_(shrink * scale)
    inside = (columns >= 0) & (columns < len(weight))
    place = torch.where(inside, columns, 0)[:, None]
    kept = logits.gather(1, place)
    return logits.scatter_(1, place, torch.where(inside[:, None], -math.inf, kept))


def _add_gradients(grad: torch.Tensor, embeddings: torch.Tensor, weight: torch.Tensor,
                   shrink: torch.Tensor, to_embeddings: torch.Tensor, to_weight: torch.Tensor
                   ) -> None:
    """Add what a chunk of ``grad`` (of the products e w / |w|, times 1 / |w|) contributes."""
    to_embeddings.addmm_(grad, weight)
    torch.mm(grad.T, embeddings, out=to_weight)
    # The length of the weights does not matter: remove what points along them.
    along = (to_weight * weight).sum(1).mul_(shrink).mul_(shrink)
    to_weight.addcmul_(weight, along[:, None], value=-1)


def split_cross_entropy(log_sum: torch.Tensor, target: torch.Tensor, here: torch.Tensor,
                        group: Processes) -> torch.Tensor:
    """Mean cross-entropy from each process's sum over its other classes and the targets' logits.

    Args:
        log_sum: Of this process, (N,).
        target: Logits of the targets with margin, where this process has them, (N,).
        here: Whether it has them, bool (N,).
        group: The processes that share the classes.

    Returns:
        Scalar, the same on every process; its gradient is that of this process's classes.
    """
    if group.world == 1:
        return (torch.logaddexp(log_sum, target) - target).mean()
    parts = [torch.empty_like(log_sum) for _ in range(group.world)]
    dist.all_gather(parts, log_sum.detach().contiguous())
    parts[group.rank] = log_sum
    local = torch.where(here, target, torch.zeros_like(target))
    everywhere = local.detach().clone()
    dist.all_reduce(everywhere)
    everywhere = everywhere + (local - local.detach())
    return (torch.logsumexp(torch.stack([*parts, everywhere]), 0) - everywhere).mean()
