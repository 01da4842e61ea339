"""An embedding network alone, as a file for others."""
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from safetensors.torch import save_file

from lrfr_mm.engine.checkpoint import check_checkpoint, read_checkpoint
from lrfr_mm.errors import InputError
from lrfr_mm.files import temporary_file, write_text
from lrfr_mm.models.build import TRAINING_PARTS, embedding_config
from lrfr_mm.registry import MODELS
from lrfr_mm.version import __version__

__all__ = ['publish_model']


def publish_model(checkpoint: str | Path, out: str | Path, config: Config | None = None) -> Path:
    """Write the weights of backbone and neck, without head, losses and optimizer.

    The file is named as OpenMMLab names its models: with the first 8 hexadecimal digits of its
    SHA-256 before the suffix. ``r50.pth`` becomes ``r50-1a2b3c4d.pth``.

    Args:
        checkpoint: A checkpoint of a training.
        out: Name of the file, ending in '.pth' or '.safetensors'.
        config: The training's config. If given, the weights are checked against its model, and a
            config of the embedding network alone is written beside the file, for ``Embedder``.

    Returns:
        The path of the file.

    Raises:
        FileNotFoundError: If ``checkpoint`` is not there.
        ValueError: If it is not a checkpoint, holds nothing but a head, belongs to another model,
            or ``out`` has another suffix.
    """
    out = Path(out)
    if out.suffix not in ('.pth', '.safetensors'):
        raise InputError(f"{out}: the name must end in '.pth' or '.safetensors'")
    state = {name: value.contiguous()
             for name, value in read_checkpoint(str(checkpoint))['state_dict'].items()
             if name.split('.')[0] not in TRAINING_PARTS}
    if not state:
        raise InputError(f'{checkpoint} holds no weights of an embedding network')
    network = None
    if config is not None:
        init_default_scope(config.get('default_scope', 'lrfr_mm'))
        kept = {key: config[key] for key in ('default_scope', 'custom_imports') if key in config}
        network = Config(dict(**kept, model=embedding_config(config.model)))
        check_checkpoint(MODELS.build(network.model), state, str(checkpoint))
    with temporary_file(out) as part:
        if out.suffix == '.pth':
            torch.save(dict(state_dict=state, meta=dict(lrfr_mm_version=__version__)), part)
        else:
            save_file(state, part, metadata=dict(lrfr_mm_version=__version__))
        digest = hashlib.sha256(part.read_bytes()).hexdigest()[:8]
        named = out.with_name(f'{out.stem}-{digest}{out.suffix}')
        os.replace(part, named)
    if network is not None:
        write_text(named.with_suffix('.py'), network.pretty_text)
    return named
