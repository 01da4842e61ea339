"""Batches of P people with K images each, for losses that compare faces within a batch."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lrfr_mm.datasets.samplers import EpochSampler
from lrfr_mm.registry import DATA_SAMPLERS

__all__ = ['PKSampler']


@DATA_SAMPLERS.register_module()
class PKSampler(EpochSampler):
    """Every P * K consecutive samples are K different images of each of P different people.

    An epoch has as many samples as the people who take part have images, rounded down to whole
    batches of all processes. It goes through the people in a random order, again and again, and
    draws K images of each; people with fewer than K images are left out. The order depends on
    (seed, epoch) alone, so a run can be resumed inside an epoch, with any number of processes.

    Args:
        dataset: A FaceDataset; its source's ``labels()`` are read once.
        people: P, at least 2.
        images: K, at least 2. ``train_dataloader.batch_size`` must be P * K, or a multiple.
        seed: Of the order; None for one that all processes agree on.

    Attributes:
        left_out: Number of people with fewer than K images.

    Raises:
        ValueError: For a stream, P or K below 2, fewer than P people with K images, or fewer images
            than one batch for each process.
    """

    def __init__(self, dataset, people: int = 16, images: int = 4, seed: int | None = None):
        if people < 2 or images < 2:
            raise ValueError('PKSampler needs people and images of at least 2, got '
                             f'people={people}, images={images}')
        if getattr(dataset.source, 'streaming', False):
            raise ValueError(f'{dataset.source} is a stream, which PKSampler cannot reorder: '
                             'convert the set to LMDB or RecordIO')
        self.people, self.images = people, images
        labels = np.asarray(dataset.source.labels())
        order = np.argsort(labels, kind='stable')
        starts = np.flatnonzero(np.r_[True, np.diff(labels[order]) > 0])
        counts = np.diff(np.r_[starts, len(labels)])
        enough = counts >= images
        self.left_out = int((~enough).sum())
        if enough.sum() < people:
            raise ValueError(f'PKSampler cannot fill batches of {people} people with {images} '
                             f'images each: {dataset.source} has {enough.sum()} people with at '
                             f'least {images} images')
        self._order, self._starts, self._counts = order, starts[enough], counts[enough]
        super().__init__(dataset, seed=seed)
        self._batches = int(self._counts.sum()) // (people * images * self.world_size)
        if self._batches == 0:
            raise ValueError(f'PKSampler cannot fill one batch of {people} x {images} on each of '
                             f'{self.world_size} processes from {self._counts.sum()} images')

    def __iter__(self) -> Iterator[int]:
        size = self.people * self.images
        first = self.start // (size * self.world_size)
        done = self.start // self.world_size - first * size  # inside the first batch
        for step in range(first, self._batches):
            batch = self._batch(step * self.world_size + self.rank)
            yield from batch[done if step == first else 0:]

    def _batch(self, number: int) -> list[int]:
        """Samples of batch ``number`` of all processes' batches of the epoch."""
        batches_a_round = len(self._starts) // self.people
        turn, place = divmod(number, batches_a_round)
        order = np.random.default_rng([self.seed, self.epoch, 2, turn]).permutation(
            len(self._starts))
        rng = np.random.default_rng([self.seed, self.epoch, 3, number])
        samples = []
        for person in order[place * self.people:(place + 1) * self.people]:
            chosen = rng.choice(self._counts[person], self.images, replace=False)
            samples += self._order[self._starts[person] + chosen].tolist()
        return samples

    @property
    def left(self) -> int:
        """Samples of this process that are left of the epoch."""
        return len(self) - self.start // self.world_size

    def __len__(self) -> int:
        return self._batches * self.people * self.images
