"""Any recognizer as a teacher: frozen, with its embeddings cached on disk."""
from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from lrfr_mm.errors import ConfigError, InputError, InputMissingError
from lrfr_mm.models.build import TRAINING_PARTS, build_part, checkpoint_config, embedding_config
from lrfr_mm.models.converters.reading import read_tensors
from lrfr_mm.models.teachers.embedding_store import EmbeddingStore
from lrfr_mm.registry import MODELS

__all__ = ['FrozenTeacher']


@MODELS.register_module()
class FrozenTeacher(nn.Module):
    """A trained recognizer that gives the student's HR views their target embeddings.

    Images reach it as the student sees them (float RGB of 0 to 255). Its own ``data_preprocessor``
    brings them to its size, scale and channel order, so teacher and student may differ in all
    three.

    Args:
        model: The teacher's model config, or the path of a config file with a ``model``. Head,
            losses and a teacher of its own are left out.
        checkpoint: Its weights; None where the backbone reads its file itself (ONNXBackbone).
        cache: Directory for the embeddings of images that were seen, a file for each teacher, named
            by a fingerprint of its config and weights. None computes every embedding in each epoch.
            With augmentations of the HR view other than a flip every image is new: use None then.
        batch_size: Images of one forward pass.

    Raises:
        InputMissingError: If a file is not there.
        InputError: If the checkpoint does not have exactly the tensors of ``model``.
        ConfigError: If the config file has no ``model``.
    """

    def __init__(self, model: dict | str, checkpoint: str | None = None, cache: str | None = None,
                 batch_size: int = 128):
        super().__init__()
        config = checkpoint_config(embedding_config(_model_config(model)))
        self.model = build_part(config)
        if checkpoint is not None:
            _load(self.model, str(checkpoint))
        self.eval().requires_grad_(False)
        self.batch_size = batch_size
        self.store = None
        if cache is not None:
            self.store = EmbeddingStore(Path(cache, f'teacher-{_fingerprint(self.model, config)}'
                                                    '.sqlite'))

    def train(self, mode: bool = True) -> FrozenTeacher:
        """Stays in evaluation mode, whatever is asked for."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: torch.Tensor, data_samples=None) -> torch.Tensor:
        """Embeddings of HR views.

        Args:
            images: Float RGB of 0 to 255, (B, 3, H, W).
            data_samples: Not used.

        Returns:
            float32 (B, D'), not normalised, on the device of ``images``.
        """
        if self.store is None:
            return self._embed(images)
        pixels = images.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        keys = [self.store.key(image) for image in pixels]
        found = self.store.get(keys)
        new = [row for row, value in enumerate(found) if value is None]
        if new:
            made = self._embed(images[new]).cpu().numpy()
            self.store.put([keys[row] for row in new], made)
            for row, value in zip(new, made, strict=True):
                found[row] = value
        return torch.from_numpy(np.stack(found)).to(images.device)

    def _embed(self, images: torch.Tensor) -> torch.Tensor:
        normalise = self.model.data_preprocessor.normalise
        return torch.cat([self.model.embed(normalise(part.float())).float()
                          for part in images.split(self.batch_size)])


def _model_config(model: dict | str) -> dict:
    if isinstance(model, dict):
        return model
    if not Path(model).is_file():
        raise InputMissingError(f'teacher: config {model} does not exist')
    config = Config.fromfile(model)
    if 'model' not in config:
        raise ConfigError(f'teacher: {model} has no `model`')
    return config.model


def _load(model: nn.Module, checkpoint: str) -> None:
    saved = {name.removeprefix('state_dict.'): value
             for name, value in read_tensors(checkpoint).items()
             if not name.startswith(('optimizer.', 'message_hub.', 'param_schedulers.'))}
    saved = {name: value for name, value in saved.items()
             if name.split('.')[0] not in TRAINING_PARTS}
    wanted = model.state_dict()
    for names, what in ((wanted.keys() - saved.keys(), 'is missing'),
                        (saved.keys() - wanted.keys(), 'is not in the model')):
        if names:
            raise InputError(f'teacher: {checkpoint} belongs to another model: {sorted(names)[0]} '
                             f'{what} ({len(names)} such)')
    for name, value in wanted.items():
        if value.shape != saved[name].shape:
            raise InputError(f'teacher: {checkpoint} belongs to another model: {name} has shape '
                             f'{tuple(saved[name].shape)}, the model {tuple(value.shape)}')
    model.load_state_dict(saved)


def _fingerprint(model: nn.Module, config: dict) -> str:
    """16 hexadecimal digits of the config (with the contents of files it names) and the weights."""
    digest = hashlib.sha256(repr(sorted(_leaves(config))).encode())
    files = (value for _, value in _leaves(config) if value.endswith(('.onnx', '.tflite')))
    for file in files:
        digest.update(Path(file).read_bytes())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _leaves(node, name: str = '') -> list[tuple[str, str]]:
    if isinstance(node, dict):
        return [leaf for key in node for leaf in _leaves(node[key], f'{name}.{key}')]
    return [(name, node if isinstance(node, str) else repr(node))]
