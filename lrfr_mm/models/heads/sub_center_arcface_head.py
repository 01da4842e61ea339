"""Several centres for each class."""
from __future__ import annotations

from lrfr_mm.models.heads.arcface_head import ArcFaceHead
from lrfr_mm.registry import MODELS

__all__ = ['SubCenterArcFaceHead']


@MODELS.register_module()
class SubCenterArcFaceHead(ArcFaceHead):
    """ArcFace with K weight vectors for each class, of which the one with the largest cosine counts
    (Sub-center ArcFace; Deng et al., ECCV 2020, eq. 3 and 4).

    Images that do not belong to their label, or a person's unusual images, gather around a centre
    of their own.

    Args:
        num_classes, in_channels, scale, margin, init_cfg: See ArcFaceHead.
        num_centres: K; the paper uses 3.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 512, scale: float = 64.,
                 margin: float = .5, num_centres: int = 3, init_cfg: dict | None = None):
        super().__init__(num_classes, in_channels, scale, margin, num_centres=num_centres,
                         init_cfg=init_cfg)
