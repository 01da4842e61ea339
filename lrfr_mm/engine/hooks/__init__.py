from lrfr_mm.engine.hooks.buffer_sync import BufferSyncHook
from lrfr_mm.engine.hooks.class_means import ClassMeansHook
from lrfr_mm.engine.hooks.face_checkpoint import FaceCheckpointHook
from lrfr_mm.engine.hooks.fully_sharded import FullyShardedHook
from lrfr_mm.engine.hooks.gradient_compression import GradientCompressionHook
from lrfr_mm.engine.hooks.invalid_loss import InvalidLossHook
from lrfr_mm.engine.hooks.iter_seed import IterSeedHook
from lrfr_mm.engine.hooks.partial_fc import PartialFCHook
from lrfr_mm.engine.hooks.report import ReportHook
from lrfr_mm.engine.hooks.start import StartHook
from lrfr_mm.engine.hooks.stop import StopHook

__all__ = ['BufferSyncHook', 'ClassMeansHook', 'FaceCheckpointHook', 'FullyShardedHook',
           'GradientCompressionHook', 'InvalidLossHook', 'IterSeedHook', 'PartialFCHook',
           'ReportHook', 'StartHook', 'StopHook']
