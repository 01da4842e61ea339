"""Procedural faces: a person, a photograph of that person, the picture."""
from lrfr_mm.ops.facegen.capture import sample_capture
from lrfr_mm.ops.facegen.identity import sample_identity
from lrfr_mm.ops.facegen.render import render_face

__all__ = ['render_face', 'sample_capture', 'sample_identity']
