from lrfr_mm.models.losses.contrast_loss import ContrastLoss
from lrfr_mm.models.losses.cosine_distance_loss import CosineDistanceLoss
from lrfr_mm.models.losses.embedding_loss import EmbeddingBatch, EmbeddingLoss
from lrfr_mm.models.losses.log_f_exp_loss import LogFExpLoss
from lrfr_mm.models.losses.lp_distance_loss import LpDistanceLoss
from lrfr_mm.models.losses.smooth_l1_distance_loss import SmoothL1DistanceLoss

__all__ = ['ContrastLoss', 'CosineDistanceLoss', 'EmbeddingBatch', 'EmbeddingLoss', 'LogFExpLoss',
           'LpDistanceLoss', 'SmoothL1DistanceLoss']
