"""A branch of its own for each resolution."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule

from lrfr_mm.models.build import build_part
from lrfr_mm.registry import MODELS

__all__ = ['CoupledNeck']


@MODELS.register_module()
class CoupledNeck(BaseModule):
    """Two necks on one trunk: one for HR faces, one for LR faces (DCR; Lu et al., SPL 2018).

    The trunk learns from both resolutions, and the branches are coupled by the distance between the
    embeddings of the two views, e.g. ``contrast_loss=dict(type='LpDistanceLoss', p=2)``. Where the
    view is not known the HR branch is used. Deviation: trunk and branches are trained together,
    where the paper trains the trunk first.

    Args:
        branch: Config of the neck that each branch is.
        in_channels, in_size: Passed on to the branches.
        init_cfg: mmengine's weight initialisation.
    """

    takes_view = True

    def __init__(self, branch: dict, in_channels: int, in_size: int | None = None,
                 init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.hr = build_part(branch, in_channels=in_channels, in_size=in_size)
        self.lr = build_part(branch, in_channels=in_channels, in_size=in_size)
        self.embed_dim = self.hr.embed_dim

    def forward(self, x: torch.Tensor, view: str | None = None) -> torch.Tensor:
        """Features as the branches take them to (B, embed_dim); ``view`` is 'hr', 'lr' or None."""
        return self.lr(x) if view == 'lr' else self.hr(x)
