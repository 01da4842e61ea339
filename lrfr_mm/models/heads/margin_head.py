"""Softmax classification over cosines, with a margin on the target: what all such heads share."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn
from torch.nn import functional as F

from lrfr_mm.ops.labels import check_labels

__all__ = ['MarginHead', 'check_labels']


class MarginHead(BaseModule):
    """Cosine logits, a margin on each sample's own class, cross-entropy; no one-hot matrix.

    A new head overrides :meth:`target_cosine` alone.

    Args:
        num_classes: Number of identities C.
        in_channels: Embedding size D.
        scale: Factor s of the cosines.
        margin: Margin m; its meaning is the subclass's.
    """

    def __init__(self, num_classes: int, in_channels: int = 512, scale: float = 48.,
                 margin: float = .4):
        super().__init__()
        if num_classes < 1:
            raise ValueError(f'num_classes must be at least 1, got {num_classes}')
        self.num_classes, self.in_channels = num_classes, in_channels
        self.scale, self.margin = scale, margin
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels))
        nn.init.normal_(self.weight, std=.01)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        """The margin: new target cosines (B, 1).

        Args:
            cosine: Cosine of each embedding with its own class, (B, 1), float32 or float64.
            norms: Length of each embedding before normalisation, (B, 1), without gradient.
        """
        raise NotImplementedError

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Cosines of ``embeddings`` (B, D) with every class, (B, C), float32 or better."""
        dtype = torch.promote_types(embeddings.dtype, self.weight.dtype)
        with torch.autocast(embeddings.device.type, enabled=False):
            return F.linear(F.normalize(embeddings.to(dtype)), F.normalize(self.weight.to(dtype)))

    def loss(self, embeddings: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Mean cross-entropy of the scaled cosines with the margin.

        Args:
            embeddings: (B, D), any float dtype, not normalised.
            labels: (B,), int64. Out-of-range labels are caught here on the CPU, and by the data
                preprocessor before the batch goes to another device.

        Returns:
            ``dict(loss=scalar)``, float32 or better.

        Raises:
            ValueError: If a label is out of range; the text has the label and the class count.
        """
        if labels.device.type == 'cpu' and not torch.compiler.is_compiling():
            check_labels(labels, self.num_classes)
        cosines = self.logits(embeddings)
        with torch.autocast(embeddings.device.type, enabled=False):
            column = labels[:, None]
            norms = embeddings.detach().to(cosines.dtype).norm(dim=1, keepdim=True)
            # Indexing, since gather would keep all of the cosines for its backward pass.
            own = cosines[torch.arange(len(labels), device=labels.device), labels][:, None]
            target = self.target_cosine(own, norms)
            logits = (self.scale * cosines).scatter_(1, column, self.scale * target)
            return dict(loss=F.cross_entropy(logits, labels))
