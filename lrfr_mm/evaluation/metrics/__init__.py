from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, MetricResult, View
from lrfr_mm.evaluation.metrics.pair_verification import PairVerification
from lrfr_mm.evaluation.metrics.resolution_sweep import ResolutionSweep

__all__ = ['EmbeddingMetric', 'MetricResult', 'PairVerification', 'ResolutionSweep', 'View']
