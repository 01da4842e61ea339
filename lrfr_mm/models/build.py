"""Parts of a model from their configs."""
from __future__ import annotations

import inspect

from lrfr_mm.registry import MODELS

__all__ = ['build_part', 'embedding_config']


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
    parts = ('head', 'contrast_loss', 'losses', 'teacher')
    return type(config)({**config, **{name: None for name in parts if name in config}})
