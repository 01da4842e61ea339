"""The softmax over classes that lie on several processes."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import distributed as dist
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ['CosineLogits', 'GatherRows', 'Processes', 'SplitCrossEntropy', 'phase']

_BLOCK = 65536  # rows


@dataclass
class Processes:
    """The processes that share the classes."""

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> Processes:
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()


class GatherRows(torch.autograd.Function):
    """Rows of all processes end to end; backward sums what each process found for them.

    Distributed data parallel averages the backbone's gradients over the processes, while the loss
    here is the mean over all their samples: the factor ``world`` undoes the average.
    """

    @staticmethod
    def forward(ctx, rows: torch.Tensor, sizes: list[int]) -> torch.Tensor:
        ctx.sizes = sizes
        most = max(sizes)
        padded = rows.new_zeros(most, rows.shape[1])
        padded[:len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx, grad: torch.Tensor):
        grad = grad.contiguous()
        dist.all_reduce(grad)
        rank = dist.get_rank()
        start = sum(ctx.sizes[:rank])
        return grad[start:start + ctx.sizes[rank]] * len(ctx.sizes), None


class CosineLogits(torch.autograd.Function):
    """Unit-length embeddings, times a scale, against class weights of any length.

    The weights' lengths divide the products, so that no normalised copy of the weights is made;
    the gradient takes the place of the incoming one.
    """

    @staticmethod
    def forward(ctx, embeddings: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """``embeddings`` (N, D), ``weight`` (C, D); returns (N, C)."""
        shrink = weight.norm(dim=1).clamp_(min=1e-12).reciprocal_()
        ctx.save_for_backward(embeddings, weight, shrink)
        return F.linear(embeddings, weight).mul_(shrink)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: torch.Tensor):
        embeddings, weight, shrink = ctx.saved_tensors
        grad = grad.mul_(shrink)
        to_weight = grad.T @ embeddings
        # Block by block, since the products of all rows at once are as large as the weights.
        along = torch.cat([(a * b).sum(1) for a, b in zip(
            to_weight.split(_BLOCK), weight.split(_BLOCK), strict=True)]).mul_(shrink).mul_(shrink)
        return grad @ weight, to_weight.addcmul_(weight, along[:, None], value=-1)


class SplitCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of logits whose columns lie on several processes, with a margin.

    One maximum and one sum (with the targets' logits) are reduced; the probabilities, and then the
    gradient, take the place of the logits.
    """

    @staticmethod
    def forward(ctx, logits: torch.Tensor, columns: torch.Tensor, margin: Callable,
                world: int) -> torch.Tensor:
        """``logits`` (N, C_local) without margin; ``columns`` (N,): the target's, -1 where it lies
        elsewhere; ``margin`` turns the targets' logits (M,), those that are here, into others.
        """
        rows = torch.nonzero(columns >= 0)[:, 0]
        here = rows, columns[rows]
        with torch.enable_grad():
            plain = logits[here].requires_grad_()
            changed = margin(plain)
        logits[here] = changed.detach()
        most = logits.max(1).values if logits.shape[1] else logits.new_full((len(logits),),
                                                                             -math.inf)
        if world > 1:
            dist.all_reduce(most, dist.ReduceOp.MAX)
        target = torch.zeros_like(most)
        target[rows] = logits[here] - most[rows]
        logits = logits.sub_(most[:, None]).exp_()
        sums = torch.stack([logits.sum(1), target])
        if world > 1:
            dist.all_reduce(sums)
        logits.div_(sums[0][:, None])
        ctx.save_for_backward(logits, *here)
        ctx.margin = plain, changed
        return (sums[0].log() - sums[1]).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: torch.Tensor):
        probability, *here = ctx.saved_tensors
        here = tuple(here)
        probability[here] -= 1
        probability.mul_(grad / len(probability))
        plain, changed = ctx.margin
        (probability[here],) = torch.autograd.grad(changed, plain, probability[here])
        return probability, None, None, None


class phase:
    """Names rank and phase in the error of a collective whose partner is gone."""

    def __init__(self, name: str, group: Processes):
        self.name, self.group = name, group

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and self.group.world > 1 and issubclass(kind, RuntimeError):
            raise RuntimeError(f'rank {self.group.rank} of {self.group.world}, {self.name}: '
                               f'another process is gone or stuck ({error})') from error
        return False
