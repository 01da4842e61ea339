"""The softmax over classes that lie on several processes."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import distributed as dist
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ['CosineLogits', 'GatherRows', 'Processes', 'ScaledCosines', 'SplitCrossEntropy',
           'gather_rows', 'phase', 'row_counts']

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


class ScaledCosines(torch.autograd.Function):
    """Cosines times a scale, with other values in the place of the targets; in place.

    Neither forward nor backward allocates a second matrix of the size of the cosines, and the
    gradient of the targets does not pass through one.
    """

    @staticmethod
    def forward(ctx, cosines: torch.Tensor, lengths: torch.Tensor, rows: torch.Tensor,
                columns: torch.Tensor, margin: Callable, scale: float) -> torch.Tensor:
        """Scale ``cosines`` and move those of the targets.

        Args:
            cosines: (N, C_local), overwritten.
            lengths: Lengths of the embeddings, (N, 1).
            rows, columns: Places of the targets that this process holds, int64 (M,).
            margin: Turns the local targets' cosines (M,) and the lengths into other cosines (M,).
            scale: Factor.
        """
        here = rows, columns
        with torch.enable_grad():
            plain = cosines.detach()[here].requires_grad_()
            lengths = lengths.detach().requires_grad_()
            changed = margin(plain, lengths)
        cosines[here] = changed.detach()
        ctx.mark_dirty(cosines)
        ctx.save_for_backward(*here)
        ctx.graph, ctx.scale = (plain, lengths, changed), scale
        return cosines.mul_(scale)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: torch.Tensor):
        here = ctx.saved_tensors
        plain, lengths, changed = ctx.graph
        grad = grad.mul_(ctx.scale)
        to_plain, to_lengths = torch.autograd.grad(changed, (plain, lengths), grad[here],
                                                   retain_graph=True, allow_unused=True)
        grad[here] = torch.zeros_like(plain) if to_plain is None else to_plain
        return grad, to_lengths, None, None, None, None


class SplitCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of logits whose columns lie on several processes.

    One maximum and one sum (with the targets' logits) are reduced; the probabilities, and then the
    gradient, take the place of the logits.
    """

    @staticmethod
    def forward(ctx, logits: torch.Tensor, columns: torch.Tensor, world: int) -> torch.Tensor:
        """``logits`` (N, C_local), overwritten; ``columns`` int64 (N,): the target's, -1 where it
        lies elsewhere.
        """
        if world == 1:  # all targets are here; nonzero would wait for the device
            rows = torch.arange(len(columns), device=columns.device)
        else:
            rows = torch.nonzero(columns >= 0)[:, 0]
        here = rows, columns[rows]
        most = logits.max(1).values if logits.shape[1] else logits.new_full((len(logits),),
                                                                             -math.inf)
        if world > 1:
            dist.all_reduce(most, dist.ReduceOp.MAX)
        target = torch.zeros_like(most)
        target[rows] = logits[here] - most[rows]
        probability = logits.sub_(most[:, None]).exp_()
        sums = torch.stack([probability.sum(1), target])
        if world > 1:
            dist.all_reduce(sums)
        probability.div_(sums[0][:, None])
        ctx.save_for_backward(probability, *here)
        return (sums[0].log() - sums[1]).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: torch.Tensor):
        probability, *here = ctx.saved_tensors
        probability[tuple(here)] -= 1
        return probability.mul_(grad / len(probability)), None, None


@torch.no_grad()
def gather_rows(rows: torch.Tensor, group: Processes) -> torch.Tensor:
    """Rows (B, ...) of all processes end to end, without gradient; B may differ between them."""
    if group.world == 1:
        return rows.detach()
    sizes = row_counts(rows, group)
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[:len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(parts, padded)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def row_counts(rows: torch.Tensor, group: Processes) -> list[int]:
    """Number of rows that each process has."""
    size = torch.tensor([len(rows)], device=rows.device)
    sizes = [torch.empty_like(size) for _ in range(group.world)]
    dist.all_gather(sizes, size)
    return [int(s) for s in sizes]


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
