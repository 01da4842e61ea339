from lrfr_mm.engine.benchmark_loop import BenchmarkLoop, embed_benchmark
from lrfr_mm.engine.hooks import InvalidLossHook, IterSeedHook, ReportHook
from lrfr_mm.engine.optim_wrapper import Bf16OptimWrapper

__all__ = ['BenchmarkLoop', 'Bf16OptimWrapper', 'InvalidLossHook', 'IterSeedHook', 'ReportHook',
           'embed_benchmark']
