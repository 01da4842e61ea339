"""Size of a model: parameters and floating-point operations of each part."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmengine.model import BaseModel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ['PartSize', 'model_size']


@dataclass
class PartSize:
    """Size of one part.

    Attributes:
        name: Of the part, or 'total'.
        parameters: Number of parameters.
        flops: Floating-point operations of one image, two for each multiply-add, of convolutions
            and matrix products (what torch's FlopCounterMode counts).
        output: Shape of the part's output, without the batch.
    """

    name: str
    parameters: int
    flops: int
    output: tuple[int, ...]


@torch.no_grad()
def model_size(recognizer: BaseModel, input_size: int = 112) -> list[PartSize]:
    """Backbone, neck and their total for one image.

    Args:
        recognizer: An LRFRecognizer; left in the mode that it is in.
        input_size: Side of the image that the network gets, px.

    Raises:
        ValueError: If the network cannot take images of this size.
    """
    training = recognizer.training
    recognizer.eval()
    x = torch.zeros(1, 3, input_size, input_size, device=next(recognizer.parameters()).device)
    parts = []
    try:
        for name in ('backbone', 'neck'):
            module = getattr(recognizer, name)
            with FlopCounterMode(display=False) as counter:
                x = module(x)
            parts.append(PartSize(name, sum(p.numel() for p in module.parameters()),
                                  counter.get_total_flops(), tuple(x.shape[1:])))
    except (RuntimeError, ValueError) as error:
        raise ValueError(f'{name} cannot take images of {input_size}x{input_size} px: '
                         f'{str(error).splitlines()[0]}') from error
    finally:
        recognizer.train(training)
    total = PartSize('total', sum(part.parameters for part in parts),
                     sum(part.flops for part in parts), parts[-1].output)
    return [*parts, total]
