"""From a cosine similarity and two face sizes to a decision with known error rates."""
from lrfr_mm.evaluation.calibration.cell import CalibrationCell
from lrfr_mm.evaluation.calibration.size_calibration import Decision, SizeCalibration

__all__ = ['CalibrationCell', 'Decision', 'SizeCalibration']
