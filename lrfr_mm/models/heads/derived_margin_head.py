"""Derived-margin softmax: a margin for each pair of classes."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from lrfr_mm.models.heads.margin_head import CosineBatch, MarginHead, check_range
from lrfr_mm.registry import MODELS

__all__ = ['DerivedMarginHead']


@MODELS.register_module()
class DerivedMarginHead(MarginHead):
    """s cos(theta_y) on the target and s (cos(theta_j) + m_yj) on the others, with a margin that
    grows with the similarity of the two classes::

        m_yj = m (1 + cos(w_y, w_j)) / 2

    (Derived-Margin softmax of DeriveNet; Singh et al., TPAMI 2022.) In the paper the margins come
    from class centres in a space that is learned from HR reconstructions. Deviation: only the
    abstract was at hand and no reconstruction network is trained here; the class weights, which
    classify the HR view too, stand in for the centres, and the margin is linear in their cosine. No
    gradient flows through the margin.

    Args:
        num_classes, in_channels, init_cfg: See MarginHead.
        scale: Factor s.
        margin: m, the margin between classes of equal direction, from 0 to 1.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 margin: float = .7, init_cfg: dict | None = None):
        check_range('margin', margin, 0, 1)
        super().__init__(num_classes, in_channels, scale, margin, init_cfg=init_cfg)

    def target_cosine(self, cosine: torch.Tensor, norms: torch.Tensor) -> torch.Tensor:
        return cosine

    def other_cosines(self, batch: CosineBatch) -> torch.Tensor:
        dtype = batch.cosines.dtype
        similarity = F.linear(F.normalize(batch.target_weights().to(dtype)),
                              F.normalize(batch.weight.to(dtype)))
        return batch.cosines + self.margin * (1 + similarity) / 2
