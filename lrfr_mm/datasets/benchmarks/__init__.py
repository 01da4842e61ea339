from lrfr_mm.datasets.benchmarks.base import (
    Benchmark,
    FileFaces,
    GalleryBenchmark,
    PairBenchmark,
    TemplateBenchmark,
)
from lrfr_mm.datasets.benchmarks.cfp import CFPPairs
from lrfr_mm.datasets.benchmarks.cross_resolution import CrossResolution
from lrfr_mm.datasets.benchmarks.defaults import DEFAULTS, DefaultBenchmark, add_defaults
from lrfr_mm.datasets.benchmarks.ijb import IJB
from lrfr_mm.datasets.benchmarks.miniature import MINIATURES, miniature, write_miniatures
from lrfr_mm.datasets.benchmarks.pair_bin import PairBin, read_bin
from lrfr_mm.datasets.benchmarks.pair_list import PairList, read_pairs, read_two_line_pairs
from lrfr_mm.datasets.benchmarks.sampled_pairs import SampledGallery, SampledPairs, sample_pairs
from lrfr_mm.datasets.benchmarks.scface import SCface, SCfaceFaces
from lrfr_mm.datasets.benchmarks.surveillance import SurvFace, SurvFacePairs, TinyFace

__all__ = ['Benchmark', 'CFPPairs', 'CrossResolution', 'DEFAULTS', 'DefaultBenchmark', 'FileFaces',
           'GalleryBenchmark', 'IJB', 'MINIATURES', 'PairBenchmark', 'PairBin', 'PairList',
           'SCface', 'SCfaceFaces', 'SampledGallery', 'SampledPairs', 'SurvFace', 'SurvFacePairs',
           'TemplateBenchmark', 'TinyFace', 'add_defaults', 'miniature', 'read_bin', 'read_pairs',
           'read_two_line_pairs', 'sample_pairs', 'write_miniatures']
