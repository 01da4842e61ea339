"""The HR and LR views that a training sees, as a sheet of images."""
from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from itertools import islice

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image, ImageDraw, ImageFont
from torch.utils.data import IterableDataset

from lrfr_mm.datasets.collate import face_collate
from lrfr_mm.registry import DATASETS, MODELS
from lrfr_mm.structures import get_field

__all__ = ['SeenSample', 'contact_sheet', 'has_display', 'training_samples']

_CAPTION = 16  # px under each sample
_GAP = 4  # px between samples


@dataclass
class SeenSample:
    """One training sample as the network gets it, before normalisation.

    Attributes:
        hr: HR view, uint8 RGB (H, W, 3).
        lr: LR view, enlarged to the same size; None without one.
        label: Identity.
        index: Index in the data set.
        resolution: Side of the LR view, px; None where it is not known.
        landmarks: Of the HR view, float (5, 2), px; None without.
        landmarks_lr: Of the LR view.
    """

    hr: np.ndarray
    lr: np.ndarray | None
    label: int
    index: int
    resolution: int | None = None
    landmarks: np.ndarray | None = None
    landmarks_lr: np.ndarray | None = None


def training_samples(config: Config, count: int = 24, epoch: int = 0,
                     seed: int = 0) -> list[SeenSample]:
    """Samples of a config's training set after its pipeline and the model's preprocessor.

    Args:
        config: With ``train_dataloader`` and ``model``.
        count: Number of samples; drawn at random from the set (a stream's first ones).
        epoch: Epoch of the visit, from 0.
        seed: Seed of the run.

    Raises:
        ValueError: If ``count`` is below 1 or the preprocessor is not a FacePreprocessor.
    """
    if count < 1:
        raise ValueError(f'the number of samples must be at least 1, got {count}')
    init_default_scope(config.get('default_scope', 'lrfr_mm'))
    dataset = DATASETS.build(config.train_dataloader.dataset)
    if hasattr(dataset, 'set_epoch'):
        dataset.set_epoch(epoch, seed)
    if isinstance(dataset, IterableDataset):
        samples = list(islice(dataset, count))
    else:
        order = np.random.default_rng([seed, epoch]).permutation(len(dataset))
        samples = [dataset[int(index)] for index in order[:count]]
    preprocessor = MODELS.build(config.model.get('data_preprocessor')
                                or dict(type='FacePreprocessor'))
    if not hasattr(preprocessor, 'views'):
        raise ValueError(f'{type(preprocessor).__name__} has no method views(): the samples are '
                         'shown as a FacePreprocessor gives them')
    inputs, batch = preprocessor.views(face_collate(samples), training=True)
    images = {view: values.permute(0, 2, 3, 1).numpy() for view, values in inputs.items()}
    fields = {name: get_field(batch, name) for name in ('lr_resolution', 'landmarks',
                                                        'landmarks_lr')}
    seen = []
    for k, sample in enumerate(samples):
        of_sample = {name: None if values is None else values[k].numpy()
                     for name, values in fields.items()}
        resolution = of_sample.pop('lr_resolution')
        seen.append(SeenSample(images['hr'][k], images['lr'][k] if 'lr' in images else None,
                               sample['gt_label'], sample['sample_idx'],
                               None if resolution is None else int(resolution), **of_sample))
    return seen


def contact_sheet(samples: list[SeenSample], columns: int = 8) -> Image.Image:
    """An RGB image with one column a sample: the HR view, the LR view under it, and a caption with
    the identity and the LR view's resolution. Landmarks are marked by dots.
    """
    height, width = samples[0].hr.shape[:2]
    views = 2 if any(sample.lr is not None for sample in samples) else 1
    cell = views * height + _CAPTION
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns)
    sheet = Image.new('RGB', (columns * (width + _GAP) - _GAP, rows * (cell + _GAP) - _GAP),
                      'white')
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(11)
    for k, sample in enumerate(samples):
        x, y = k % columns * (width + _GAP), k // columns * (cell + _GAP)
        for row, (image, points) in enumerate(((sample.hr, sample.landmarks),
                                               (sample.lr, sample.landmarks_lr))):
            if image is None:
                continue
            top = y + row * height
            sheet.paste(Image.fromarray(image), (x, top))
            for px, py in points if points is not None else ():
                draw.ellipse((x + px - 1.5, top + py - 1.5, x + px + 1.5, top + py + 1.5),
                             fill='#00d0ff')
        size = '' if sample.resolution is None else f', {sample.resolution} px'
        draw.text((x + 2, y + views * height + 1), f'identity {sample.label}{size}', fill='black',
                  font=font)
    return sheet


def has_display() -> bool:
    """Whether this machine can open a window."""
    return sys.platform in ('win32', 'darwin') or bool(
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))
