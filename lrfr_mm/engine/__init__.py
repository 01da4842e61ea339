import lrfr_mm.registry  # noqa: F401  before anything imports mmengine.optim
from lrfr_mm.engine.adaptation_constructor import AdaptationConstructor
from lrfr_mm.engine.embedding import embed_benchmark, embed_images
from lrfr_mm.engine.fully_sharded import FullySharded
from lrfr_mm.engine.hooks import (
    ClassMeansHook,
    FaceCheckpointHook,
    FullyShardedHook,
    GradientCompressionHook,
    InvalidLossHook,
    IterSeedHook,
    PartialFCHook,
    ReportHook,
)
from lrfr_mm.engine.loops import BenchmarkLoop, FaceTrainLoop
from lrfr_mm.engine.optim_wrapper import Bf16OptimWrapper

__all__ = ['AdaptationConstructor', 'BenchmarkLoop', 'Bf16OptimWrapper', 'ClassMeansHook',
           'FaceCheckpointHook', 'FaceTrainLoop', 'FullySharded', 'FullyShardedHook',
           'GradientCompressionHook', 'InvalidLossHook', 'IterSeedHook', 'PartialFCHook',
           'ReportHook', 'embed_benchmark', 'embed_images']
