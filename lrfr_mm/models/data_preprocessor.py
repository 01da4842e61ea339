"""From uint8 batches to normalised float batches on the model's device."""
from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor

from lrfr_mm.datasets.transforms.multi_res_aug import MultiResDraw
from lrfr_mm.models.heads.margin_head import check_labels
from lrfr_mm.ops.resample import degrade
from lrfr_mm.registry import MODELS
from lrfr_mm.structures import stack_field

__all__ = ['FacePreprocessor']


@MODELS.register_module()
class FacePreprocessor(BaseDataPreprocessor):
    """Moves a uint8 batch to the device, makes the LR view there if asked to, and normalises.

    Args:
        mean: Subtracted from the RGB values, 0 to 255.
        std: Then divided by.
        multi_res: Arguments of ``MultiResAug`` (resolutions, ratio, flip): the LR view is made
            here, in training only, with the draws and the pixels of the transform. The images must
            come unflipped then.
        resample: ``method`` of :func:`lrfr_mm.ops.resample.degrade`.
        non_blocking: Copy from pinned memory without waiting.

    Attributes:
        num_classes: If set (the recognizer does), labels are checked while still on the CPU.
    """

    def __init__(self, mean: float = 127.5, std: float = 127.5, multi_res: dict | None = None,
                 resample: str = 'exact', non_blocking: bool = False):
        super().__init__(non_blocking=non_blocking)
        self.mean, self.std, self.resample = mean, std, resample
        self.multi_res = MultiResDraw(**multi_res) if multi_res is not None else None
        self.num_classes: int | None = None

    def forward(self, data: dict, training: bool = False) -> dict:
        """``data`` of the collate function to ``dict(inputs, data_samples)`` for the model.

        ``inputs`` holds 'hr' and perhaps 'lr', each (B, 3, H, W), uint8 in, float32 out.
        """
        samples = data.get('data_samples')
        if training and samples is not None and self.num_classes is not None:
            labels = stack_field(samples, 'gt_label')
            if labels.device.type == 'cpu':
                check_labels(labels, self.num_classes)
        draws = None
        if training and self.multi_res is not None:
            if 'lr' in data['inputs']:
                raise ValueError('the batch has an LR view already: use multi_res here or '
                                 'MultiResAug in the pipeline, not both')
            draws = self.multi_res(stack_field(samples, 'rng_key').cpu().numpy())
        data = self.cast_data(data)
        inputs = data['inputs']
        if isinstance(inputs, torch.Tensor):
            inputs = dict(hr=inputs)
        if draws is not None:
            resolution, flip_hr, flip_lr = draws
            hr = inputs['hr']
            inputs = dict(hr=_flip(hr, flip_hr),
                          lr=_flip(degrade(hr, resolution, self.resample), flip_lr))
        inputs = {view: (images.float() - self.mean) / self.std for view, images in inputs.items()}
        return dict(inputs=inputs, data_samples=data.get('data_samples'))

    def denormalise(self, images: torch.Tensor) -> torch.Tensor:
        """The inverse of the normalisation: (B, 3, H, W) float RGB of 0 to 255."""
        return images * self.std + self.mean


def _flip(images: torch.Tensor, rows) -> torch.Tensor:
    rows = torch.from_numpy(rows.nonzero()[0]).to(images.device)
    images = images.clone()
    images[rows] = images[rows].flip(-1)
    return images
