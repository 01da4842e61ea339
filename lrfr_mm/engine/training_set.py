"""What a config leaves to the training set, and whether something can be learned from it."""
from __future__ import annotations

import os

from mmengine.config import Config

from lrfr_mm.registry import SOURCES

__all__ = ['check_training_set']


def check_training_set(config: Config) -> None:
    """Set what the config leaves to the training set (the head's class count, a stream's batches),
    and refuse sets that nothing can be learned from.

    Raises:
        ValueError: For one person, less than a batch, or a head of fewer classes.
    """
    head = config.model.get('head')
    source = config.train_dataloader.dataset.get('source')
    if head is None or source is None:
        return
    from mmengine.registry import init_default_scope
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    built = SOURCES.build(source)
    if built.num_classes < 2:
        raise ValueError(f'{built}: one person cannot be told from others, at least two are needed')
    loader = config.train_dataloader
    world = int(os.environ.get('WORLD_SIZE') or os.environ.get('SLURM_NTASKS') or 1
                ) if config.get('launcher', 'none') != 'none' else 1
    if loader.get('drop_last') and len(built) < loader.batch_size * world:
        raise ValueError(f'{built} does not fill one batch of {loader.batch_size} on {world} '
                         'process(es): set train_dataloader.batch_size lower')
    if built.streaming:
        loader.sampler = None
        loader.dataset.stream_batch = loader.batch_size
    if head.type == 'PartialFCHead':
        head.setdefault('batch_size', loader.batch_size * world)
    if head.get('num_classes') is None:
        head.num_classes = built.num_classes
    elif head.num_classes < built.num_classes:
        raise ValueError(f'model.head.num_classes is {head.num_classes}, but {built} has '
                         f'{built.num_classes} people')
