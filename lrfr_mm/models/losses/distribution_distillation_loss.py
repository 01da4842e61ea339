"""DDL: the similarities of LR faces are to be distributed as those of HR faces."""
from __future__ import annotations

import torch

from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.mining import pair_masks
from lrfr_mm.registry import MODELS

__all__ = ['DistributionDistillationLoss']


@MODELS.register_module()
class DistributionDistillationLoss(EmbeddingLoss):
    """KL of the HR to the LR histograms of similarities, and an order term (Distribution
    Distillation Loss; Huang et al., ECCV 2020, eq. 1 to 5).

    With P+ and P- the histograms of HR (teacher) cosines of positive and negative pairs, Q+ and Q-
    those of LR (student) cosines, and S the cosines themselves::

        l1 KL(P+ || Q+) + l2 KL(P- || Q-) - l3 sum_{i, j in HR, LR} (E[S_i+] - E[S_j-])
        histogram at node t_r:  sum of exp(-gamma (s - t_r)^2) over the pairs, divided by its sum

    The nodes are spread evenly over -1 to 1. Positive pairs are all of the batch within a view;
    negative pairs are each anchor's most similar other person, as in the paper. Deviation: no
    gradient of the KL terms flows to the teacher histograms, which share the network here.

    Args:
        positive_weight, negative_weight, order_weight: l1, l2, l3.
        bins: Nodes of a histogram.
        gamma: Spread of the kernel; 50 is a standard deviation of 0.1.
        loss_weight, init_cfg: See EmbeddingLoss.
    """

    needs = ('lr', 'labels')

    def __init__(self, positive_weight: float = .1, negative_weight: float = .02,
                 order_weight: float = .5, bins: int = 100, gamma: float = 50.,
                 loss_weight: float = 1., init_cfg: dict | None = None):
        super().__init__(loss_weight, init_cfg)
        if bins < 2 or gamma <= 0:
            raise ValueError(f'bins must be at least 2 and gamma positive, got {bins}, {gamma}')
        self.weights = positive_weight, negative_weight, order_weight
        self.bins, self.gamma = bins, gamma

    def compute(self, batch: EmbeddingBatch) -> torch.Tensor:
        same, different = pair_masks(batch.labels, type(self).__name__)
        hr, lr = ((x @ x.T)[same] for x in (batch.unit_hr, batch.unit_lr))
        hr_negative, lr_negative = ((x @ x.T).masked_fill(~different, -torch.inf).max(1).values
                                    for x in (batch.unit_hr, batch.unit_lr))
        order = 2 * (hr.mean() + lr.mean() - hr_negative.mean() - lr_negative.mean())
        positive_weight, negative_weight, order_weight = self.weights
        return (positive_weight * self._divergence(hr, lr)
                + negative_weight * self._divergence(hr_negative, lr_negative)
                - order_weight * order)

    def _divergence(self, teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
        p, q = self.log_histogram(teacher.detach()), self.log_histogram(student)
        return (p.exp() * (p - q)).sum()

    def log_histogram(self, similarities: torch.Tensor) -> torch.Tensor:
        """Logarithm of the histogram (bins,) of cosines (N,)."""
        nodes = torch.linspace(-1, 1, self.bins, dtype=similarities.dtype,
                               device=similarities.device)
        kernel = -self.gamma * (similarities[:, None] - nodes).square()
        return kernel.logsumexp(0).log_softmax(0)
