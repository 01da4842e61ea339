"""Low-resolution face recognition: train, measure and use recognizers from 7 to 112 px."""
from lrfr_mm.version import __version__

__all__ = ['__version__']
