"""The parts, in the order of their worth: a machine may be taken away before the last one."""
from __future__ import annotations

from lrfr_mm.analysis.benchmark.gpu.parts.decoding import decoding
from lrfr_mm.analysis.benchmark.gpu.parts.embedding import embedding
from lrfr_mm.analysis.benchmark.gpu.parts.float8 import float8
from lrfr_mm.analysis.benchmark.gpu.parts.heads import heads
from lrfr_mm.analysis.benchmark.gpu.parts.parity import parity
from lrfr_mm.analysis.benchmark.gpu.parts.search import search
from lrfr_mm.analysis.benchmark.gpu.parts.steps import compiled, deep, steps
from lrfr_mm.analysis.benchmark.gpu.parts.training import training
from lrfr_mm.analysis.benchmark.gpu.parts.views import views
from lrfr_mm.analysis.benchmark.gpu.parts.vit import vit

__all__ = ['PARTS']

# torch.compile takes longest, and comes last: what the others leave of their time is its.
PARTS = {each.name: each for each in (views, steps, heads, parity, embedding, vit, deep, search,
                                      float8, decoding, training, compiled)}
