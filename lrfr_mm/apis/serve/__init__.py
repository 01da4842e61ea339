"""A web page and an API over a recognizer, its calibration and a gallery."""
from lrfr_mm.apis.serve.app import create_app
from lrfr_mm.apis.serve.service import FaceService, Limits

__all__ = ['FaceService', 'Limits', 'create_app']
