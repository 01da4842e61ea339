"""From uint8 batches to normalised float batches on the model's device."""
from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmengine.model import BaseDataPreprocessor
from torch.nn import functional as F

from lrfr_mm.errors import ConfigError
from lrfr_mm.ops.align import flip_landmarks
from lrfr_mm.ops.draws import sample_key
from lrfr_mm.ops.jitter import jitter_landmarks
from lrfr_mm.ops.labels import check_labels
from lrfr_mm.ops.multi_res import MultiResDraw, degrade_batch, flip_rows
from lrfr_mm.ops.transfer import to_device
from lrfr_mm.registry import MODELS
from lrfr_mm.structures import get_field, set_field

__all__ = ['FacePreprocessor']


@MODELS.register_module()
class FacePreprocessor(BaseDataPreprocessor):
    """Moves a uint8 batch to the device, makes the LR view there if asked to, and normalises.

    The data are RGB everywhere; only what the network gets may be BGR.

    Args:
        mean: Subtracted from the values of 0 to 255: one number, or three for R, G, B. 'timm' for
            those that the backbone's pretrained weights were trained with.
        std: Divided by afterwards; as ``mean``.
        channel_order: Order of the channels that the network gets, 'rgb' or 'bgr'.
        size: Side of the images that the network gets, px: others are resized on the device,
            bicubically and antialiased. None leaves them as they are.
        multi_res: Arguments of :class:`~lrfr_mm.ops.multi_res.MultiResDraw` (resolutions, ratio,
            flip, degradation, curriculum, jitter): the LR view is made here, in training only, with
            the draws and the pixels of the transform MultiResAug. The images must come unflipped
            then.
        resample: ``method`` of :func:`lrfr_mm.ops.resample.degrade`, for 'bicubic'.
        non_blocking: Copy to the device without waiting, which pinned memory allows.
        seed: Of the draws for samples without ``rng_key`` (FaceDataset's have one).

    Attributes:
        num_classes: If set (the recognizer does), labels are checked while still on the CPU.
        mean, std: float32 (1, 1, 1) or (3, 1, 1), in RGB order.

    Raises:
        ValueError: For an argument out of range.
    """

    def __init__(self, mean: float | Sequence[float] | str = 127.5,
                 std: float | Sequence[float] | str = 127.5, channel_order: str = 'rgb',
                 size: int | None = None, multi_res: dict | None = None, resample: str = 'exact',
                 non_blocking: bool = True, seed: int = 0):
        super().__init__(non_blocking=non_blocking)
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}")
        if size is not None and size < 1:
            raise ValueError(f'size must be at least 1 px, got {size}')
        self._of_timm = [name for name, value in (('mean', mean), ('std', std)) if value == 'timm']
        for name, value in (('mean', mean), ('std', std)):
            self.register_buffer(name, None if value == 'timm' else _per_channel(name, value),
                                 persistent=False)
        self.channel_order, self.size, self.resample = channel_order, size, resample
        self.multi_res = MultiResDraw(**multi_res) if multi_res is not None else None
        self.num_classes: int | None = None
        self.seed, self._keys_made = seed, 0

    def use_pretrained(self, backbone: torch.nn.Module) -> None:
        """Take the values that are 'timm' from ``backbone.pretrained_mean`` and
        ``backbone.pretrained_std``, each three numbers of 0 to 255; the recognizer calls this.

        Other values than those of pretrained weights are used as they are, with a warning.

        Raises:
            ValueError: If a value is 'timm' and the backbone has none.
        """
        for name in self._of_timm:
            value = getattr(backbone, f'pretrained_{name}', None)
            if value is None:
                raise ValueError(f"data_preprocessor: {name}='timm' needs a TIMMBackbone whose "
                                 f'configuration has a {name}; {type(backbone).__name__} has none')
            setattr(self, name, _per_channel(name, value))
        if getattr(backbone, 'pretrained', False):
            for name in ('mean', 'std'):
                value = getattr(backbone, f'pretrained_{name}', None)
                own = getattr(self, name).flatten()
                if value is not None and not torch.allclose(own, own.new_tensor(value)):
                    print_log(f"data_preprocessor: {name} is {own.tolist()}, the backbone's "
                              f"pretrained weights expect {value}: {name}='timm' sets it",
                              logger='current', level=logging.WARNING)

    def forward(self, data: dict, training: bool = False) -> dict:
        """``data`` of the collate function to ``dict(inputs, data_samples)`` for the model.

        Args:
            data: See :meth:`views`.
            training: Whether to make the LR view and check labels.

        Returns:
            ``inputs`` holds 'hr' and perhaps 'lr', each (B, 3, size, size), float32.

        Raises:
            ValueError: For a label out of range, an LR view that is there already.
        """
        inputs, samples = self.views(data, training)
        self._scale_landmarks(samples, inputs['hr'].shape[-2:])
        return dict(inputs={view: self.normalise(images.float())
                            for view, images in inputs.items()}, data_samples=samples)

    def views(self, data: dict, training: bool = False) -> tuple[dict, object]:
        """The images of the batch on the device, before normalisation, and its data samples.

        Args:
            data: ``inputs`` is ``dict(hr=(B, 3, H, W)[, lr=...])``, one tensor, or a list of
                tensors (3, H, W) (mmengine's pseudo_collate), uint8 RGB; ``data_samples`` may be
                missing.
            training: Whether to make the LR view and check labels.

        Returns:
            ``dict(hr=uint8 (B, 3, H, W)[, lr=...])``, and the data samples.

        Raises:
            ValueError: For a label out of range, an LR view that is there already.
        """
        inputs, samples = data['inputs'], data.get('data_samples')
        if isinstance(inputs, (list, tuple)):
            inputs = torch.stack(tuple(inputs))
        if isinstance(inputs, torch.Tensor):
            inputs = dict(hr=inputs)
        if training and self.num_classes is not None:
            labels = get_field(samples, 'gt_label')
            if labels is not None and labels.device.type == 'cpu':
                check_labels(labels, self.num_classes)
        draws = None
        if training and self.multi_res is not None:
            if 'lr' in inputs:
                raise ConfigError('the batch has an LR view already: use multi_res here or '
                                  'MultiResAug in the pipeline, not both')
            draws = self._draw(samples, len(inputs['hr']))
        data = self.cast_data(dict(inputs=inputs, data_samples=samples))
        inputs, samples = data['inputs'], data['data_samples']
        if draws is not None:
            inputs = self._two_views(inputs['hr'], samples, *draws)
        return inputs, samples

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float RGB of 0 to 255 to what the network gets, float (B, 3, size, size)."""
        if self.mean is None or self.std is None:
            raise ValueError("mean='timm' and std='timm' come from the recognizer's backbone: this "
                             'preprocessor belongs to no recognizer')
        if self.size is not None and images.shape[-2:] != (self.size, self.size):
            images = F.interpolate(images, (self.size, self.size), mode='bicubic', antialias=True
                                   ).clamp(0, 255)
        images = (images - self.mean) / self.std
        return images.flip(1) if self.channel_order == 'bgr' else images

    def denormalise(self, images: torch.Tensor) -> torch.Tensor:
        """The inverse of :meth:`normalise`, without the change of size: float RGB of 0 to 255."""
        images = images.flip(1) if self.channel_order == 'bgr' else images
        return images * self.std + self.mean

    def _draw(self, samples, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Key, resolution and flips of ``count`` samples, each (count,)."""
        keys = get_field(samples, 'rng_key')
        if keys is None:
            keys = sample_key(self.seed, get_rank(), self._keys_made + np.arange(count))
            self._keys_made += count
        else:
            keys = keys.cpu().numpy()
        epoch = 0
        if self.multi_res.curriculum:
            epochs = get_field(samples, 'epoch')
            if epochs is None:
                raise ConfigError("multi_res: a curriculum needs the field 'epoch' in the samples")
            epoch = int(epochs[0])
        return (keys, *self.multi_res(keys, epoch))

    def _two_views(self, hr: torch.Tensor, samples, keys: np.ndarray, resolution: np.ndarray,
                   flip_hr: np.ndarray, flip_lr: np.ndarray) -> dict:
        lr = degrade_batch(hr, self.multi_res, keys, resolution, self.resample)
        points = get_field(samples, 'landmarks')
        if points is not None:
            moved = points
            if self.multi_res.jitter is not None:
                moved = jitter_landmarks(points, self.multi_res.jitter, keys, hr.shape[-2:])
            for name, shown, flipped in (('landmarks', points, flip_hr),
                                         ('landmarks_lr', moved, flip_lr)):
                rows = to_device(flipped, points.device)[:, None, None]
                mirrored = flip_landmarks(shown, hr.shape[-1])
                set_field(samples, name, torch.where(rows, mirrored, shown))
        if samples is not None:
            set_field(samples, 'lr_resolution', to_device(resolution, hr.device))
        return dict(hr=flip_rows(hr, flip_hr), lr=flip_rows(lr, flip_lr))

    def _scale_landmarks(self, samples, shape: tuple[int, int]) -> None:
        if self.size is None or tuple(shape) == (self.size, self.size):
            return
        for name in ('landmarks', 'landmarks_lr'):
            points = get_field(samples, name)
            if points is not None:
                ratio = points.new_tensor([self.size / shape[1], self.size / shape[0]])
                set_field(samples, name, (points + .5) * ratio - .5)  # pixel centres


def _per_channel(name: str, value: float | Sequence[float]) -> torch.Tensor:
    numbers = torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1, 1)
    if len(numbers) not in (1, 3):
        raise ValueError(f"{name} must be one number, three numbers or 'timm', got {value!r}")
    if name == 'std' and not (numbers > 0).all():
        raise ValueError(f'std must be above 0, got {value!r}')
    return numbers
