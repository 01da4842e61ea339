"""Registered metrics; a file each."""
from lrfr_mm.evaluation.metrics.base import (
    EmbeddingMetric,
    ImageVariant,
    MetricResult,
    View,
    with_intervals,
)
from lrfr_mm.evaluation.metrics.curve import Axis, Curve, Line
from lrfr_mm.evaluation.metrics.detection_error import DetectionErrorTradeoff
from lrfr_mm.evaluation.metrics.error_discard import ErrorDiscard
from lrfr_mm.evaluation.metrics.identification import Identification
from lrfr_mm.evaluation.metrics.pair_metric import PairMetric
from lrfr_mm.evaluation.metrics.pair_verification import PairVerification
from lrfr_mm.evaluation.metrics.resolution_sweep import ResolutionSweep
from lrfr_mm.evaluation.metrics.score_calibration import ScoreCalibration
from lrfr_mm.evaluation.metrics.template_verification import TemplateVerification

__all__ = ['Axis', 'Curve', 'DetectionErrorTradeoff', 'EmbeddingMetric', 'ErrorDiscard',
           'Identification', 'ImageVariant', 'Line', 'MetricResult', 'PairMetric',
           'PairVerification', 'ResolutionSweep', 'ScoreCalibration', 'TemplateVerification',
           'View', 'with_intervals']
