"""Labels, indices and predictions of a batch of faces."""
from __future__ import annotations

from collections.abc import Iterator

import torch
from mmengine.structures import BaseDataElement

__all__ = ['FaceDataSample', 'get_field', 'set_field', 'stack_field']


class FaceDataSample(BaseDataElement):
    """Annotations and predictions of one face, or of a whole batch.

    A field of one face has the shape below; of a batch, it has the batch as a further first axis.
    A field that nothing has set does not exist: test with ``name in sample``.

    Attributes:
        gt_label: Identity, int64, scalar.
        sample_idx: Index in the data set, int64, scalar.
        rng_key: Seed of everything random about this visit of the sample, int64, scalar.
        epoch: Epoch of this visit, from 0, int64, scalar.
        lr_resolution: Side of the LR view in px before it was enlarged again, int64, scalar.
        landmarks: Left eye, right eye, nose, left and right corner of the mouth, as they appear in
            the HR view: float32 (5, 2), x and y in px.
        landmarks_lr: The same in the LR view, which may be flipped on its own; (5, 2).
        embedding: Output of ``mode='predict'``, float32 (D,).
    """

    gt_label: torch.Tensor
    sample_idx: torch.Tensor
    rng_key: torch.Tensor
    epoch: torch.Tensor
    lr_resolution: torch.Tensor
    landmarks: torch.Tensor
    landmarks_lr: torch.Tensor
    embedding: torch.Tensor

    def pin_memory(self) -> FaceDataSample:
        """The same in pinned memory; a DataLoader with ``pin_memory`` calls this."""
        return FaceDataSample(**{name: value.pin_memory() if torch.is_tensor(value) else value
                                 for name, value in self.items()})

    def __iter__(self) -> Iterator[FaceDataSample]:
        """The faces of a batch, one by one (mmengine's Evaluator asks for them)."""
        fields = dict(self.items())
        for index in range(len(next(iter(fields.values()), ()))):
            yield FaceDataSample(**{name: value[index] for name, value in fields.items()})


def stack_field(samples: FaceDataSample | list[FaceDataSample], name: str) -> torch.Tensor:
    """Field ``name`` of a batched sample, or of a list of single ones, as one (B, ...) tensor."""
    if isinstance(samples, FaceDataSample):
        return torch.as_tensor(samples.get(name))
    return torch.stack([torch.as_tensor(sample.get(name)) for sample in samples])


def get_field(samples: FaceDataSample | list[FaceDataSample] | None,
              name: str) -> torch.Tensor | None:
    """As :func:`stack_field`; None where there are no samples, or one lacks the field."""
    each = samples if isinstance(samples, list) else [samples]
    if not each or any(sample is None or name not in sample for sample in each):
        return None
    return stack_field(samples, name)


def set_field(samples: FaceDataSample | list[FaceDataSample], name: str,
              values: torch.Tensor) -> None:
    """Set field ``name`` of a batched sample, or of each of a list, to ``values`` (B, ...)."""
    if isinstance(samples, FaceDataSample):
        samples.set_data({name: values})
    else:
        for sample, value in zip(samples, values, strict=True):
            sample.set_data({name: value})
