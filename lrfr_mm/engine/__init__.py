from lrfr_mm.engine.benchmark_loop import BenchmarkLoop, embed_benchmark
from lrfr_mm.engine.fully_sharded import FullySharded, FullyShardedHook
from lrfr_mm.engine.hooks import (
    FaceCheckpointHook,
    GradientCompressionHook,
    InvalidLossHook,
    IterSeedHook,
    PartialFCHook,
    ReportHook,
)
from lrfr_mm.engine.optim_wrapper import Bf16OptimWrapper
from lrfr_mm.engine.train_loop import FaceTrainLoop

__all__ = ['BenchmarkLoop', 'Bf16OptimWrapper', 'FaceCheckpointHook', 'FaceTrainLoop',
           'FullySharded', 'FullyShardedHook', 'GradientCompressionHook', 'InvalidLossHook',
           'IterSeedHook', 'PartialFCHook', 'ReportHook', 'embed_benchmark']
