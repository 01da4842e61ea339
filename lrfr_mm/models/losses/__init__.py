from lrfr_mm.models.losses.class_center_distillation_loss import ClassCenterDistillationLoss
from lrfr_mm.models.losses.contrast_loss import ContrastLoss
from lrfr_mm.models.losses.cosine_distance_loss import CosineDistanceLoss
from lrfr_mm.models.losses.cross_resolution_quadruplet_loss import CrossResolutionQuadrupletLoss
from lrfr_mm.models.losses.cross_resolution_triplet_loss import CrossResolutionTripletLoss
from lrfr_mm.models.losses.distillation import DistillationLoss
from lrfr_mm.models.losses.distribution_distillation_loss import DistributionDistillationLoss
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.feature_distillation_loss import FeatureDistillationLoss
from lrfr_mm.models.losses.keep_hr_loss import KeepHRLoss
from lrfr_mm.models.losses.log_f_exp_loss import LogFExpLoss
from lrfr_mm.models.losses.lp_distance_loss import LpDistanceLoss
from lrfr_mm.models.losses.nearest_proxy_triplet_loss import NearestProxyTripletLoss
from lrfr_mm.models.losses.octuplet_loss import OctupletLoss
from lrfr_mm.models.losses.part_decorrelation_loss import PartDecorrelationLoss
from lrfr_mm.models.losses.relation_distillation_loss import RelationDistillationLoss
from lrfr_mm.models.losses.similarity_distillation_loss import SimilarityDistillationLoss
from lrfr_mm.models.losses.smooth_l1_distance_loss import SmoothL1DistanceLoss
from lrfr_mm.models.losses.triplet_loss import TripletLoss

__all__ = ['ClassCenterDistillationLoss', 'ContrastLoss', 'CosineDistanceLoss',
           'CrossResolutionQuadrupletLoss', 'CrossResolutionTripletLoss', 'DistillationLoss',
           'DistributionDistillationLoss', 'EmbeddingBatch', 'EmbeddingLoss',
           'FeatureDistillationLoss', 'KeepHRLoss', 'LogFExpLoss', 'LpDistanceLoss',
           'NearestProxyTripletLoss', 'OctupletLoss', 'PartDecorrelationLoss',
           'RelationDistillationLoss', 'SimilarityDistillationLoss', 'SmoothL1DistanceLoss',
           'TripletLoss']
