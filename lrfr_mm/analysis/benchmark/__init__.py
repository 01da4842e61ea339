"""How fast the parts are on this machine: measured, never asserted."""
from lrfr_mm.analysis.benchmark.chain import benchmark_chain
from lrfr_mm.analysis.benchmark.data import benchmark_data
from lrfr_mm.analysis.benchmark.evaluation import benchmark_evaluation
from lrfr_mm.analysis.benchmark.gallery import benchmark_gallery
from lrfr_mm.analysis.benchmark.head import benchmark_head
from lrfr_mm.analysis.benchmark.run import benchmark_run
from lrfr_mm.analysis.benchmark.serve import benchmark_serve
from lrfr_mm.analysis.benchmark.step import benchmark_step, compare_steps
from lrfr_mm.analysis.benchmark.timing import Result, machine, results_table
from lrfr_mm.analysis.benchmark.views import benchmark_views

__all__ = ['Result', 'benchmark_chain', 'benchmark_data', 'benchmark_evaluation',
           'benchmark_gallery', 'benchmark_head', 'benchmark_run', 'benchmark_serve',
           'benchmark_step', 'benchmark_views', 'compare_steps', 'machine', 'results_table']
