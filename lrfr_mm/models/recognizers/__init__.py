from lrfr_mm.models.recognizers.lrf_recognizer import LRFRecognizer

__all__ = ['LRFRecognizer']
