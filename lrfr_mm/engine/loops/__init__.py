from lrfr_mm.engine.loops.benchmark_loop import BenchmarkLoop
from lrfr_mm.engine.loops.train_loop import FaceTrainLoop

__all__ = ['BenchmarkLoop', 'FaceTrainLoop']
