"""Labels of a classifier."""
from __future__ import annotations

import torch

__all__ = ['check_labels']


def check_labels(labels: torch.Tensor, num_classes: int) -> None:
    """Check that all labels are from 0 to ``num_classes - 1``.

    Args:
        labels: int64 (B,), best on the CPU: on another device the check waits for it.
        num_classes: Number of classes.

    Raises:
        ValueError: If one is out of range; the text has the label and the class count.
    """
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        label = int(labels[wrong][0])
        raise ValueError(f'label {label} is out of range: the head has {num_classes} classes '
                         f'(0 to {num_classes - 1})')
