"""From photographs to aligned faces: detectors, landmark files, and what to do without either."""
from lrfr_mm.datasets.alignment.aligner import MISSING, Aligned, FaceAligner
from lrfr_mm.datasets.alignment.centerface import CenterFaceDetector
from lrfr_mm.datasets.alignment.detector import (
    DETECTORS,
    Detection,
    FaceDetector,
    build_detector,
    detector_names,
)
from lrfr_mm.datasets.alignment.landmark_files import LANDMARK_FORMATS, read_landmarks
from lrfr_mm.datasets.alignment.mtcnn import MTCNNDetector
from lrfr_mm.datasets.alignment.tiled import TiledDetector
from lrfr_mm.datasets.alignment.yunet import YuNetDetector

__all__ = ['DETECTORS', 'LANDMARK_FORMATS', 'MISSING', 'Aligned', 'CenterFaceDetector',
           'Detection', 'FaceAligner', 'FaceDetector', 'MTCNNDetector', 'TiledDetector',
           'YuNetDetector', 'build_detector', 'detector_names', 'read_landmarks']
