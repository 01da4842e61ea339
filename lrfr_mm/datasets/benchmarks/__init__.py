from lrfr_mm.datasets.benchmarks.base import PairBenchmark
from lrfr_mm.datasets.benchmarks.pair_bin import PairBin, read_bin
from lrfr_mm.datasets.benchmarks.pair_list import PairList, read_pairs
from lrfr_mm.datasets.benchmarks.sampled_pairs import SampledPairs, sample_pairs

__all__ = ['PairBenchmark', 'PairBin', 'PairList', 'SampledPairs', 'read_bin', 'read_pairs',
           'sample_pairs']
