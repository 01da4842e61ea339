"""What a config leaves open for the training set, and whether that can train a model."""
from __future__ import annotations

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import init_default_scope

from lrfr_mm.errors import ConfigError
from lrfr_mm.registry import SOURCES, type_name

__all__ = ['check_training_set']


def check_training_set(config: Config) -> None:
    """Build the training source, fill in what the config leaves to it (the head's number of
    classes, a stream's batch size), and refuse sets that cannot train the model.

    Raises:
        ConfigError: For a single person, fewer images than a batch, or a head with fewer classes
            than the set has people.
    """
    source = config.train_dataloader.dataset.get('source')
    if source is None:
        return
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    built = SOURCES.build(source) if isinstance(source, dict) else source
    loader, head = config.train_dataloader, config.model.get('head')
    world = get_world_size()
    if loader.get('drop_last') and len(built) < loader.batch_size * world:
        raise ConfigError(f'train_dataloader.batch_size: {built} does not fill one batch of '
                          f'{loader.batch_size} on {world} process(es)')
    if built.streaming:
        loader.sampler = None
        loader.dataset.stream_batch = loader.batch_size
    if head is None:
        return
    if built.num_classes < 2:
        raise ConfigError(f'train_dataloader.dataset.source: {built}: one person cannot be told '
                          'from others, at least two are needed')
    if type_name(head) == 'PartialFCHead':
        head.setdefault('batch_size', loader.batch_size * world)
    if head.get('num_classes') is None:
        head.num_classes = built.num_classes
    elif head.num_classes < built.num_classes:
        raise ConfigError(f'model.head.num_classes is {head.num_classes}, but {built} has '
                          f'{built.num_classes} people')
