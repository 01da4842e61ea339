"""Softmax classification over cosines, with a margin on the target: what all such heads share."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmengine.model import BaseModule
from torch import distributed as dist
from torch import nn
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.heads.split_softmax import Processes, ScaledCosines, gather_rows
from lrfr_mm.ops.labels import check_labels

__all__ = ['CosineBatch', 'MarginHead', 'check_range']


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, naming the argument, unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ValueError(f'{name} must be from {low:g} to {high:g}, got {value}')


@dataclass
class CosineBatch:
    """The cosines of a batch with the classes that this process holds.

    With a head on one process, N is the batch size and C_local the number of classes. With a split
    head, the N rows are the samples of all processes, and the columns are this process's classes
    that take part in the step.

    Attributes:
        cosines: (N, C_local), float32 or float64, with gradient.
        columns: Column of each row's target, int64 (N,); -1 where another process has it.
        lengths: Lengths of the embeddings before normalisation, (N, 1), without gradient.
        weight: Weights of the classes of the columns, (C_local, [num_centres,] D).
        group: The processes that share the classes.
        here: Rows and columns of the targets that this process holds, each int64 (M,).
        target: Cosine of each row with its own class, (N, 1), without gradient, the same on every
            process.
    """

    cosines: torch.Tensor
    columns: torch.Tensor
    lengths: torch.Tensor
    weight: torch.Tensor
    group: Processes

    def __post_init__(self):
        if self.group.world == 1:  # all targets are here; nonzero would wait for the device
            rows = torch.arange(len(self.columns), device=self.columns.device)
        else:
            rows = torch.nonzero(self.columns >= 0)[:, 0]
        self.here = rows, self.columns[rows]
        own = self.cosines.detach()[self.here]
        target = own.new_zeros(len(self.columns)).index_put((rows,), own)
        if self.group.world > 1:
            dist.all_reduce(target)
        self.target = target[:, None]

    @torch.no_grad()
    def target_weights(self) -> torch.Tensor:
        """Weights of each row's own class, (N, [num_centres,] D), the same on every process."""
        rows, columns = self.here
        weights = self.weight.new_zeros(len(self.columns), *self.weight.shape[1:])
        weights[rows] = self.weight[columns]
        if self.group.world > 1:
            dist.all_reduce(weights)
        return weights

    @torch.no_grad()
    def rivals(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and columns of the largest non-target cosines that this process holds.

        Of equal cosines on several processes, the one on the lowest rank is the largest.
        """
        others = self.cosines.detach().index_put(self.here, self.cosines.new_tensor(-torch.inf))
        most, columns = others.max(1)
        if self.group.world == 1:
            return torch.arange(len(columns), device=columns.device), columns
        parts = [torch.empty_like(most) for _ in range(self.group.world)]
        dist.all_gather(parts, most)
        nearest = torch.stack(parts).argmax(0)
        rows = torch.nonzero((nearest == self.group.rank) & (most > -torch.inf))[:, 0]
        return rows, columns[rows]


class MarginHead(BaseModule):
    """Cosine logits, a margin on each sample's own class, cross-entropy; no one-hot matrix.

    A new head overrides what differs: :meth:`target_cosine` (the margin), :meth:`other_cosines`
    (the negatives), :meth:`length_loss` (a regulariser), :meth:`logit_scale`, or
    :meth:`update_statistics` (running statistics). All of them work unchanged inside
    ``PartialFCHead``.

    Args:
        num_classes: Number of identities C; None to set it later by :meth:`set_num_classes`.
        in_channels: Embedding size D.
        scale: Factor s of the cosines.
        margin: Margin m; its meaning is the subclass's.
        num_centres: Weight vectors of each class; the largest cosine counts.
        init_cfg: mmengine's weight initialisation.

    Attributes:
        weight: Class weights, not normalised, (C, D), or (C, num_centres, D) with several centres;
            None before the number of classes is known.

    Raises:
        ValueError: For a class count, a number of centres or a scale that is not positive.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 48.,
                 margin: float = .4, num_centres: int = 1, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        if num_centres < 1:
            raise ValueError(f'num_centres must be at least 1, got {num_centres}')
        if scale <= 0:
            raise ValueError(f'scale must be positive, got {scale}')
        self.num_classes, self.in_channels = None, in_channels
        self.scale, self.margin, self.num_centres = scale, margin, num_centres
        self.register_parameter('weight', None)
        if num_classes is not None:
            self.set_num_classes(num_classes)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the weights of one class."""
        return (self.in_channels,) if self.num_centres == 1 else (self.num_centres,
                                                                  self.in_channels)

    @property
    def targets_only(self) -> bool:
        """Whether the margin changes the targets' cosines alone: one centre a class, negatives and
        scale as they are.
        """
        kind = type(self)
        return (self.num_centres == 1 and kind.other_cosines is MarginHead.other_cosines
                and kind.logit_scale is MarginHead.logit_scale)

    def set_num_classes(self, num_classes: int) -> None:
        """Allocate new class weights, drawn from N(0, 0.01^2), for ``num_classes`` identities."""
        if num_classes < 1:
            raise ValueError(f'num_classes must be at least 1, got {num_classes}')
        self.num_classes = num_classes
        like = self.weight if self.weight is not None else torch.empty(0)
        self.weight = nn.Parameter(like.new_empty(num_classes, *self.weight_shape))
        nn.init.normal_(self.weight, std=.01)

    # -- what a subclass may override ----------------------------------------------------------
    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        """The margin: new target cosines (N, 1).

        Args:
            cosine: Cosine of each embedding with its own class, (N, 1), float32 or float64.
            norms: Length of each embedding before normalisation, (N, 1), with gradient.
        """
        raise NotImplementedError

    def other_cosines(self, batch: CosineBatch) -> torch.Tensor:
        """The negatives: new cosines (N, C_local); what stands at the targets is ignored.

        """
        return batch.cosines

    def length_loss(self, norms: torch.Tensor) -> torch.Tensor | None:
        """A regulariser for each embedding's length, (N, 1); None for none."""
        return None

    def logit_scale(self, norms: torch.Tensor) -> float | torch.Tensor:
        """Factor of the cosines: a number, or one for each embedding, (N, 1), with gradient."""
        return self.scale

    def update_statistics(self, cosine: torch.Tensor, norms: torch.Tensor) -> None:
        """Update running statistics, in training, before the margin is applied.

        Args:
            cosine, norms: As of :meth:`target_cosine`, of the samples of all processes, without
                gradient, so that every process computes the same statistics.
        """

    # -- loss ----------------------------------------------------------------------------------
    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Cosines of ``embeddings`` (B, D) with every class, (B, C), float32 or better."""
        self._check_sized()
        dtype = torch.promote_types(embeddings.dtype, self.weight.dtype)
        with torch.autocast(embeddings.device.type, enabled=False):
            weight = F.normalize(self.weight.to(dtype), dim=-1).reshape(-1, self.in_channels)
            return self.largest_centres(F.linear(F.normalize(embeddings.to(dtype)), weight))

    def largest_centres(self, cosines: torch.Tensor) -> torch.Tensor:
        """Cosines with every centre, (N, C * num_centres), to cosines with every class, (N, C)."""
        if self.num_centres == 1:
            return cosines
        return cosines.unflatten(1, (-1, self.num_centres)).max(2).values

    def loss(self, embeddings: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Mean cross-entropy of the scaled cosines with the margin, plus the regulariser.

        Args:
            embeddings: (B, D), any float dtype, not normalised.
            labels: (B,), int64. Out-of-range labels are caught here on the CPU, and by the data
                preprocessor before the batch goes to another device.

        Returns:
            ``dict(loss=scalar)``, float32 or better.

        Raises:
            ValueError: If a label is out of range; the text has the label and the class count.
            ConfigError: If the number of classes is not set.
        """
        cosines = self.logits(embeddings)
        if labels.device.type == 'cpu' and not torch.compiler.is_compiling():
            check_labels(labels, self.num_classes)
        with torch.autocast(embeddings.device.type, enabled=False):
            norms = embeddings.to(cosines.dtype).norm(dim=1, keepdim=True)
            logits = self.margin_logits(cosines, labels, norms, self.weight, Processes())
            loss = F.cross_entropy(logits, labels)
            regulariser = self.length_loss(norms)
            return dict(loss=loss if regulariser is None else loss + regulariser.mean())

    def margin_logits(self, cosines: torch.Tensor, columns: torch.Tensor, norms: torch.Tensor,
                      weight: torch.Tensor, group: Processes, in_place: bool = False
                      ) -> torch.Tensor:
        """Logits with the margin; see :class:`CosineBatch` for the arguments.

        Args:
            cosines: (N, C_local).
            columns: (N,).
            norms: (N, 1), with gradient.
            weight: (C_local, [num_centres,] D), not normalised.
            group: The processes that share the classes; one process for a whole head.
            in_place: Overwrite the cosines, and do without further matrices of their size in the
                backward pass. torch.compile cannot trace it.

        Returns:
            (N, C_local).
        """
        batch = CosineBatch(cosines, columns, norms.detach(), weight.detach(), group)
        here = rows, _ = batch.here
        if self.training:
            self._update_statistics(batch)
        others = self.other_cosines(batch)

        def margin(own: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            target = batch.target.index_put((rows,), own[:, None])
            return self.target_cosine(target, lengths)[rows, 0]

        scale = self.logit_scale(norms)
        if not in_place:
            return scale * others.index_put(here, margin(cosines[here], norms))
        if others is not cosines:
            others = others.index_put(here, cosines[here])
        if isinstance(scale, torch.Tensor):
            return scale * ScaledCosines.apply(others, norms, *here, margin, 1.)
        return ScaledCosines.apply(others, norms, *here, margin, scale)

    @torch.no_grad()
    def _update_statistics(self, batch: CosineBatch) -> None:
        if type(self).update_statistics is MarginHead.update_statistics:
            return
        target, lengths = batch.target, batch.lengths
        if batch.group.world == 1:  # a whole head on each of several data-parallel processes
            processes = Processes.current()
            target, lengths = gather_rows(target, processes), gather_rows(lengths, processes)
        self.update_statistics(target, lengths)

    def _check_sized(self) -> None:
        if self.num_classes is None:
            raise ConfigError(f'{type(self).__name__} does not know its number of classes: set '
                              'model.head.num_classes, or call set_num_classes()')

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        saved = state_dict.get(f'{prefix}weight')
        if self.num_classes is None and saved is not None:
            self.set_num_classes(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
