"""Features that are translated as far as a gate says."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import nn

from lrfr_mm.models.build import build_part
from lrfr_mm.registry import MODELS

__all__ = ['AdaptationGateNeck']


@MODELS.register_module()
class AdaptationGateNeck(BaseModule):
    """g T(f) + (1 - g) f, where f is the embedding of another neck, T a translator from the LR to
    the HR domain, and g = sigmoid(W f + b) a gate for each of its numbers (RAN; Fang et al., ECCV
    2020).

    The gate sees the embedding alone, so faces of unknown resolution pass it as well. It begins
    nearly closed. Deviations: the paper learns its degradations by a GAN, and ours are those of
    ``lrfr_mm.ops.degradations`` (``degradation=`` of MultiResAug); the paper's adversarial loss on
    the features is replaced by the distance between the views (``contrast_loss``); translator and
    gate are our form of its gate, whose equations were not at hand.

    Args:
        neck: Config of the neck that embeds.
        in_channels, in_size: Passed on to it.
        hidden: Width of the translator; None for the embedding size.
        init_cfg: mmengine's weight initialisation.
    """

    def __init__(self, neck: dict, in_channels: int, in_size: int | None = None,
                 hidden: int | None = None, init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self.neck = build_part(neck, in_channels=in_channels, in_size=in_size)
        self.embed_dim = self.neck.embed_dim
        hidden = hidden or self.embed_dim
        self.translator = nn.Sequential(nn.Linear(self.embed_dim, hidden), nn.PReLU(hidden),
                                        nn.Linear(hidden, self.embed_dim))
        self.gate = nn.Linear(self.embed_dim, self.embed_dim)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, -2.)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features as the inner neck takes them to (B, embed_dim), not normalised."""
        f = self.neck(x)
        return f.lerp(self.translator(f), torch.sigmoid(self.gate(f)))
