"""Classification over more identities than one device holds, or than are worth visiting a step."""
from __future__ import annotations

import math
from pathlib import Path

import torch
from mmengine.model import BaseModule
from torch import nn
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.models.heads.chunked_softmax import ChunkedCosines, split_cross_entropy
from lrfr_mm.models.heads.head_memory import check_memory_for, class_range
from lrfr_mm.models.heads.split_softmax import (
    CosineLogits,
    GatherRows,
    Processes,
    SplitCrossEntropy,
    gather_rows,
    phase,
    row_counts,
)
from lrfr_mm.ops.labels import check_labels
from lrfr_mm.registry import MODELS

__all__ = ['PartialFCHead']


@MODELS.register_module()
class PartialFCHead(BaseModule):
    """A margin head whose classes are split over the processes, and sampled (Partial FC; An et al.,
    CVPR 2022).

    Every process holds an equal share of the class weights. The embeddings of all processes are
    gathered once, each process compares them with its own classes, and the softmax is put together
    from one maximum and one sum: equal to the single-device head with ``sample_rate=1``. Below 1,
    each process compares with the classes of the batch and a random choice of its others, so that
    ``sample_rate`` of its classes take part; only these rows, with their momentum, are updated.

    The weights do not go through distributed data parallel, and checkpoints keep them in files of
    class ranges (``FaceCheckpointHook``): any number of processes resumes from any other.

    Args:
        num_classes: Identities C of all processes together; None to set it later by
            :meth:`set_num_classes`.
        margin_head: Config of a :class:`MarginHead`, without num_classes and in_channels, that
            gives margin, scale, treatment of negatives, regulariser and number of centres.
        in_channels: Embedding size D.
        sample_rate: Share of the classes to visit a step, above 0 and up to 1.
        batch_size: Samples of all processes a step, for the check of the memory.
        seed: Of the initial weights and the sampling.
        chunk_size: Classes whose logits exist at a time: the memory for logits is then
            N x chunk_size, and a step computes one more matrix product of four. None for all at
            once. For margins that leave the negatives and the scale as they are.
        compile_chunks: Compile what is done with a chunk of logits with ``torch.compile``.
        check_memory: Compare the memory that the head needs with what the device has free.
        init_cfg: mmengine's weight initialisation.

    Raises:
        ValueError: For a sample rate out of range, fewer classes than processes, or too little
            memory: with the sample rate, or the number of processes, that would do.
    """

    sharded = True

    def __init__(self, num_classes: int | None = None, margin_head: dict | None = None,
                 in_channels: int = 512, sample_rate: float = 1., batch_size: int = 512,
                 seed: int = 0, chunk_size: int | None = None, compile_chunks: bool = False,
                 check_memory: bool = True, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.group = Processes.current()
        if not 0 < sample_rate <= 1:
            raise ValueError(f'sample_rate must be above 0 and at most 1, got {sample_rate}')
        self.num_classes, self.in_channels = None, in_channels
        self.sample_rate, self.batch_size, self.check_memory = sample_rate, batch_size, check_memory
        self.margin = MODELS.build({**(margin_head or dict(type='CosFaceHead')),
                                    'num_classes': None, 'in_channels': in_channels})
        if chunk_size is not None and chunk_size < 1:
            raise ValueError(f'chunk_size must be at least 1, got {chunk_size}')
        if chunk_size is not None and not self.margin.targets_only:
            raise ValueError(f'{type(self.margin).__name__} changes more than the target, and so '
                             'needs all logits at once: chunk_size must be None')
        if compile_chunks and chunk_size is None:
            raise ValueError('compile_chunks needs a chunk_size')
        self.chunk_size, self.compile_chunks = chunk_size, compile_chunks
        self.seed, self.generator = seed, None
        self._generator_state: torch.Tensor | None = None
        self.optimizer = None
        if num_classes is not None:
            self.set_num_classes(num_classes)

    def set_num_classes(self, num_classes: int) -> None:
        """Allocate the weights of this process's share of ``num_classes`` identities."""
        if num_classes < self.group.world:
            raise ValueError(f'{num_classes} classes cannot be split over {self.group.world} '
                             'processes')
        shape = self.margin.weight_shape
        if self.check_memory:
            check_memory_for(num_classes, math.prod(shape), self.group.world, 2 * self.batch_size,
                             self.sample_rate)
        self.num_classes = num_classes
        self.first, self.last = class_range(num_classes, self.group.rank, self.group.world)
        rows = _initial_rows(self.seed, self.first, self.last, math.prod(shape)).unflatten(1, shape)
        self.index: torch.Tensor | None = None
        if self.sample_rate >= 1:
            self.weight = nn.Parameter(rows)
            self.active = None
        else:
            # All rows wait in a buffer; those of a step are a parameter that the optimizer knows.
            self.register_buffer('weight', rows, persistent=False)
            self.active = nn.Parameter(torch.zeros(0, *shape))
            self.state: dict[str, torch.Tensor] = {}  # of the optimizer, for all rows
            self.scalars: dict = {}

    @property
    def local_classes(self) -> int:
        """Classes that this process holds."""
        return self.last - self.first

    # -- sampling ------------------------------------------------------------------------------
    def bind(self, optimizer: torch.optim.Optimizer) -> None:
        """Tell the head which optimizer updates it, so that sampled rows keep their momentum."""
        self.optimizer = optimizer
        if self.active is not None and self.active.shape[0] == 0:
            self._resize(min(self.local_classes, max(1, math.ceil(self.sample_rate
                                                                  * self.local_classes))))

    def _resize(self, count: int) -> None:
        if self.optimizer is not None:
            kept = self.optimizer.state.pop(self.active, {})
            self.scalars = {name: value for name, value in kept.items()
                            if not torch.is_tensor(value) or value.dim() == 0}
        # A new parameter, since autograd remembers the shape of the old one.
        old, self.active = self.active, nn.Parameter(
            self.weight.new_zeros(count, *self.margin.weight_shape))
        for group in self.optimizer.param_groups if self.optimizer is not None else ():
            group['params'] = [self.active if p is old else p for p in group['params']]

    def store(self) -> None:
        """Put the rows of the last step, and what the optimizer keeps of them, back."""
        if self.active is None or self.index is None:
            return
        with torch.no_grad():
            self.weight[self.index] = self.active.data
            for name, value in (self.optimizer.state.get(self.active, {}) if self.optimizer else
                                {}).items():
                if torch.is_tensor(value) and value.shape == self.active.shape:
                    if name not in self.state:
                        self.state[name] = torch.zeros_like(self.weight)
                    self.state[name][self.index] = value
        self.index = None

    @torch.no_grad()
    def resample(self, labels: torch.Tensor) -> None:
        """Choose the rows of the next step: the batch's classes and a random choice of others.

        Args:
            labels: Of all processes, (N,).
        """
        self.store()
        local = labels[(labels >= self.first) & (labels < self.last)] - self.first
        positive = torch.unique(local)
        wanted = min(self.local_classes, max(len(positive), math.ceil(self.sample_rate
                                                                      * self.local_classes)))
        if wanted != self.active.shape[0]:
            self._resize(wanted)
        score = torch.rand(self.local_classes, generator=self._random(labels.device),
                           device=labels.device)
        score[positive] = 2.
        self.index = torch.topk(score, wanted).indices.sort().values
        self.active.data.copy_(self.weight[self.index])
        if self.optimizer is not None:
            kept = self.optimizer.state[self.active] if self.state else {}
            for name, rows in self.state.items():
                kept[name] = rows[self.index]
            for name, value in self.scalars.items():
                kept.setdefault(name, value)

    def _random(self, device: torch.device) -> torch.Generator:
        if self.generator is None or self.generator.device.type != device.type:
            self.generator = torch.Generator(device).manual_seed(self.seed + self.group.rank)
            if self._generator_state is not None:
                self.generator.set_state(self._generator_state)
        return self.generator

    # -- loss ----------------------------------------------------------------------------------
    def loss(self, embeddings: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Mean over the samples of all processes of the cross-entropy over the visited classes,
        plus the margin head's regulariser.

        Args:
            embeddings: Of this process, (B, D), any float dtype; B may differ between processes.
            labels: (B,), int64, from 0 to num_classes - 1.

        Returns:
            ``dict(loss=scalar)``, the same on every process, float32 or better.

        Raises:
            ValueError: If a label is out of range.
            ConfigError: If the number of classes is not set, or a sampled head is trained without
                an optimizer (see :meth:`bind`).
            RuntimeError: If another process is gone; the text has the rank and the phase.
        """
        self._check_sized()
        self._check_bound()
        if labels.device.type == 'cpu' and not torch.compiler.is_compiling():
            check_labels(labels, self.num_classes)
        dtype = torch.promote_types(embeddings.dtype, self.weight.dtype)
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings, labels = self._gather(embeddings.to(dtype), labels)
            if self.active is not None and self._new_step:
                self.resample(labels)
                self._new_step = False
            weight = self.weight if self.active is None else self.active
            columns = self._columns(labels)
            norms = embeddings.norm(dim=1, keepdim=True)
            with phase('softmax', self.group):
                loss = (self._all_at_once if self.chunk_size is None else self._in_chunks)(
                    F.normalize(embeddings), weight.to(dtype), columns, norms)
            regulariser = self.margin.length_loss(norms)
            if regulariser is None:
                return dict(loss=loss)
            # Every process has the same mean, and GatherRows sums what they send back.
            mean = regulariser.mean()
            return dict(loss=loss + mean.detach() + (mean - mean.detach()) / self.group.world)

    def _all_at_once(self, embeddings: torch.Tensor, weight: torch.Tensor, columns: torch.Tensor,
                     norms: torch.Tensor) -> torch.Tensor:
        cosines = self.margin.largest_centres(CosineLogits.apply(
            embeddings, weight.reshape(-1, self.in_channels)))
        logits = self.margin.margin_logits(cosines, columns, norms, weight, self.group,
                                           in_place=True)
        return SplitCrossEntropy.apply(logits, columns, self.group.world)

    def _in_chunks(self, embeddings: torch.Tensor, weight: torch.Tensor, columns: torch.Tensor,
                   norms: torch.Tensor) -> torch.Tensor:
        here = columns >= 0
        log_sum, own = ChunkedCosines.apply(embeddings, weight, columns, self.margin.scale,
                                            self.chunk_size, self.compile_chunks)
        # The margin sees a matrix of one column, the targets'.
        target = self.margin.margin_logits(own[:, None], torch.where(here, 0, -1), norms,
                                           weight[:1], self.group)[:, 0]
        return split_cross_entropy(log_sum, target, here, self.group)

    def _check_sized(self) -> None:
        if self.num_classes is None:
            raise ConfigError('PartialFCHead does not know its number of classes: set '
                              'model.head.num_classes, or call set_num_classes()')

    def _check_bound(self) -> None:
        if self.training and self.active is not None and self.optimizer is None:
            raise ConfigError(f'PartialFCHead with sample_rate={self.sample_rate} would learn '
                              'nothing: no optimizer knows the sampled rows. Call '
                              'bind(optimizer), as PartialFCHook does')

    _new_step = True

    def new_step(self) -> None:
        """After an optimizer step: sample anew with the next batch (both views share a sample)."""
        self._new_step = True

    def _columns(self, labels: torch.Tensor) -> torch.Tensor:
        """Column of each label among this process's classes of the step, -1 elsewhere."""
        inside = (labels >= self.first) & (labels < self.last)
        local = torch.where(inside, labels - self.first, torch.zeros_like(labels))
        if self.active is not None:
            local = torch.searchsorted(self.index, local)
        return torch.where(inside, local, torch.full_like(local, -1))

    def _gather(self, embeddings: torch.Tensor, labels: torch.Tensor):
        if self.group.world == 1:
            return embeddings, labels
        with phase('all-gather of the embeddings', self.group):
            sizes = row_counts(labels, self.group)
            return GatherRows.apply(embeddings, sizes), gather_rows(labels, self.group)

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Cosines with this process's classes, (B, C_local), float32 or better."""
        self._check_sized()
        self.store()
        dtype = torch.promote_types(embeddings.dtype, self.weight.dtype)
        with torch.autocast(embeddings.device.type, enabled=False):
            weight = F.normalize(self.weight.to(dtype), dim=-1).reshape(-1, self.in_channels)
            return self.margin.largest_centres(F.linear(F.normalize(embeddings.to(dtype)), weight))

    # -- checkpoints ---------------------------------------------------------------------------
    def shard(self) -> dict:
        """What a checkpoint keeps of this process's classes: range, weights, optimizer state."""
        self.store()
        state = self.state if self.active is not None else {
            name: value for name, value in (self.optimizer.state.get(self.weight, {})
                                            if self.optimizer else {}).items()
            if torch.is_tensor(value) and value.shape == self.weight.shape}
        return dict(num_classes=self.num_classes, first=self.first, last=self.last,
                    weight=self.weight.detach().cpu(),
                    state={name: value.detach().cpu() for name, value in state.items()},
                    generator=self.generator.get_state() if self.generator is not None
                    else torch.empty(0, dtype=torch.uint8))

    def load_shards(self, folder: str) -> None:
        """Take this process's classes from the files of any number of processes.

        Raises:
            FileNotFoundError: If there are no files.
            ValueError: If they are of another class count, or do not cover the range.
        """
        files = sorted(Path(folder).glob('classes-*.pt'))
        if not files:
            raise FileNotFoundError(f'{folder} holds no class weights (classes-*.pt)')
        covered = torch.zeros(self.local_classes, dtype=torch.bool)
        state: dict[str, torch.Tensor] = {}
        for file in files:
            saved = torch.load(file, map_location='cpu', weights_only=True, mmap=True)
            if saved['num_classes'] != self.num_classes:
                raise ValueError(f'{file} is of {saved["num_classes"]} classes, the head has '
                                 f'{self.num_classes}')
            low, high = max(self.first, saved['first']), min(self.last, saved['last'])
            if low >= high:
                continue
            here = slice(low - self.first, high - self.first)
            there = slice(low - saved['first'], high - saved['first'])
            with torch.no_grad():
                self.weight[here] = saved['weight'][there].to(self.weight.device)
            for name, rows in saved['state'].items():
                if name not in state:
                    state[name] = torch.zeros_like(self.weight.data)
                state[name][here] = rows[there].to(self.weight.device)
            covered[here] = True
            if (saved['first'], saved['last']) == (self.first, self.last) and len(
                    saved['generator']):
                self._generator_state, self.generator = saved['generator'], None
        if not covered.all():
            gap = self.first + int(torch.argmin(covered.int()))
            raise ValueError(f'{folder} has no weights of class {gap}')
        self.index = None
        if self.active is not None:
            self.state = state
        elif self.optimizer is not None:
            for name, rows in state.items():
                self.optimizer.state[self.weight][name] = rows

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        pass  # the classes have files of their own

    def _load_from_state_dict(self, *args, **kwargs):
        pass

    def extra_repr(self) -> str:
        return (f'num_classes={self.num_classes}, here {self.first} to {self.last - 1}, '
                f'sample_rate={self.sample_rate}')


def _initial_rows(seed: int, first: int, last: int, dim: int, block: int = 4096) -> torch.Tensor:
    """Rows first to last of the whole head's initial weights: the same for every split. They are
    drawn on torch's default device (``with torch.device('cuda')``), where a GPU draws 29 million
    rows in seconds, but other ones than a CPU.
    """
    rows = torch.empty(last - first, dim)
    for number in range(first // block, -(-last // block)):
        generator = torch.Generator(rows.device).manual_seed(seed * 1_000_003 + number)
        values = .01 * torch.randn(block, dim, generator=generator)
        low, high = max(first, number * block), min(last, (number + 1) * block)
        rows[low - first:high - first] = values[low - number * block:high - number * block]
    return rows
