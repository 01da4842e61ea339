"""Everything that only a GPU can show, measured part by part within a time limit."""
from lrfr_mm.analysis.benchmark.gpu.command import benchmark_gpu, gpu_table
from lrfr_mm.analysis.benchmark.gpu.part import Part, Scale, part
from lrfr_mm.analysis.benchmark.gpu.parts import PARTS

__all__ = ['PARTS', 'Part', 'Scale', 'benchmark_gpu', 'gpu_table', 'part']
