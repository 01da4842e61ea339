from lrfr_mm.models.heads.adaface_head import AdaFaceHead
from lrfr_mm.models.heads.arcface_head import ArcFaceHead
from lrfr_mm.models.heads.confidence_parts_head import ConfidencePartsHead
from lrfr_mm.models.heads.cosface_head import CosFaceHead
from lrfr_mm.models.heads.curricularface_head import CurricularFaceHead
from lrfr_mm.models.heads.derived_margin_head import DerivedMarginHead
from lrfr_mm.models.heads.head_memory import class_range, head_memory
from lrfr_mm.models.heads.magface_head import MagFaceHead
from lrfr_mm.models.heads.margin_head import CosineBatch, MarginHead
from lrfr_mm.models.heads.partial_fc_head import PartialFCHead
from lrfr_mm.models.heads.rival_penalized_head import RivalPenalizedHead
from lrfr_mm.models.heads.sphereface_head import SphereFaceHead
from lrfr_mm.models.heads.sub_center_arcface_head import SubCenterArcFaceHead

__all__ = ['AdaFaceHead', 'ArcFaceHead', 'ConfidencePartsHead', 'CosFaceHead', 'CosineBatch',
           'CurricularFaceHead', 'DerivedMarginHead', 'MagFaceHead', 'MarginHead', 'PartialFCHead',
           'RivalPenalizedHead', 'SphereFaceHead', 'SubCenterArcFaceHead',
           'class_range', 'head_memory']
