"""Parts of a model from their configs."""
from __future__ import annotations

import inspect
from collections.abc import Iterator

from mmengine.model import PretrainedInit

from lrfr_mm.registry import MODELS

__all__ = ['TRAINING_PARTS', 'build_part', 'checkpoint_config', 'embedding_config',
           'pretrained_checkpoints']

# Parts of a recognizer that its embeddings do not need.
TRAINING_PARTS = ('head', 'contrast_loss', 'losses', 'teacher')


def build_part(config, **sizes):
    """Build a backbone, neck, head, loss or teacher.

    Args:
        config: Config with a ``type`` (a registered name or a class), or a module, which is
            returned as it is, or None.
        **sizes: Values that the neighbouring parts determine, e.g. ``in_channels``. Each is passed
            on if it is not None, not in ``config``, and an argument of the class.

    Returns:
        The module, or None for None.
    """
    if not isinstance(config, dict):
        return config
    kind = config.get('type')
    built_class = MODELS.get(kind) if isinstance(kind, str) else kind
    taken = {}
    if built_class is not None:  # else the registry says what is missing
        parameters = inspect.signature(built_class).parameters
        anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        taken = {name: value for name, value in sizes.items()
                 if value is not None and (anything or name in parameters)}
    return MODELS.build({**taken, **config})


def embedding_config(config: dict) -> dict:
    """A copy of a recognizer's config without what only training needs.

    The head, the losses and the teacher are None in it: neither their weights nor their checkpoints
    are read.
    """
    return type(config)({**config, **{name: None for name in TRAINING_PARTS if name in config}})


def checkpoint_config(config: dict) -> dict:
    """A copy of a model's config for weights that come from a checkpoint.

    ``pretrained`` is False in it, and no ``init_cfg`` is of type Pretrained, at any depth: nobody
    asks timm or a file for weights that the checkpoint replaces.
    """
    def without(node):
        if isinstance(node, dict):
            changed = type(node)({key: without(value) for key, value in node.items()
                                  if key != 'init_cfg' or not _is_pretrained(value)})
            if changed.get('pretrained'):
                changed['pretrained'] = False
            return changed
        return [without(value) for value in node] if isinstance(node, list) else node

    return without(config)


def pretrained_checkpoints(config) -> Iterator[str]:
    """Path or address of every checkpoint that an ``init_cfg`` of type Pretrained names, at any
    depth of a model's config.
    """
    if isinstance(config, dict):
        if _is_pretrained(config):
            yield config['checkpoint']
        for value in config.values():
            yield from pretrained_checkpoints(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from pretrained_checkpoints(value)


def _is_pretrained(init_cfg) -> bool:
    return isinstance(init_cfg, dict) and init_cfg.get('type') in ('Pretrained', PretrainedInit)
