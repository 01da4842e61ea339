"""Use a trained recognizer."""
from lrfr_mm.apis.embedder import Embedder

__all__ = ['Embedder']
