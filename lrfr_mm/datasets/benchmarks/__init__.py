from lrfr_mm.datasets.benchmarks.base import (
    Benchmark,
    FileFaces,
    GalleryBenchmark,
    PairBenchmark,
    TemplateBenchmark,
)
from lrfr_mm.datasets.benchmarks.cross_resolution import CrossResolution
from lrfr_mm.datasets.benchmarks.ijb import IJB
from lrfr_mm.datasets.benchmarks.pair_bin import PairBin, read_bin
from lrfr_mm.datasets.benchmarks.pair_list import (
    CFPPairs,
    PairList,
    read_pairs,
    read_two_line_pairs,
)
from lrfr_mm.datasets.benchmarks.sampled_pairs import SampledGallery, SampledPairs, sample_pairs
from lrfr_mm.datasets.benchmarks.scface import SCface, SCfaceFaces
from lrfr_mm.datasets.benchmarks.surveillance import SurvFace, SurvFacePairs, TinyFace

__all__ = ['IJB', 'Benchmark', 'CFPPairs', 'CrossResolution', 'FileFaces', 'GalleryBenchmark',
           'PairBenchmark', 'PairBin', 'PairList', 'SCface', 'SCfaceFaces', 'SampledGallery',
           'SampledPairs', 'SurvFace', 'SurvFacePairs', 'TemplateBenchmark', 'TinyFace',
           'read_bin', 'read_pairs', 'read_two_line_pairs', 'sample_pairs']
