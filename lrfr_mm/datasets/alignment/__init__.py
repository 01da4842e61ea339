"""From photographs to aligned faces: detectors, landmark files, and what to do without either."""
from lrfr_mm.datasets.alignment.aligner import MISSING, Aligned, FaceAligner
from lrfr_mm.datasets.alignment.detector import DETECTORS, Detection, FaceDetector, build_detector
from lrfr_mm.datasets.alignment.landmark_files import LANDMARK_FORMATS, read_landmarks
from lrfr_mm.datasets.alignment.mtcnn import MTCNNDetector
from lrfr_mm.datasets.alignment.yunet import YuNetDetector

__all__ = ['DETECTORS', 'LANDMARK_FORMATS', 'MISSING', 'Aligned', 'Detection', 'FaceAligner',
           'FaceDetector', 'MTCNNDetector', 'YuNetDetector', 'build_detector', 'read_landmarks']
