from lrfr_mm.evaluation.metrics.base import EmbeddingMetric, MetricResult, View
from lrfr_mm.evaluation.metrics.identification import Identification
from lrfr_mm.evaluation.metrics.pair_verification import PairVerification
from lrfr_mm.evaluation.metrics.resolution_sweep import ResolutionSweep
from lrfr_mm.evaluation.metrics.template_verification import TemplateVerification

__all__ = ['EmbeddingMetric', 'Identification', 'MetricResult', 'PairVerification',
           'ResolutionSweep', 'TemplateVerification', 'View']
