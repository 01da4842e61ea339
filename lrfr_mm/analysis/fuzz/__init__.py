"""Readers under mutation: damaged files must end in an error that names them, and nothing worse."""
from lrfr_mm.analysis.fuzz import benchmarks, formats, images  # noqa: F401  (register cases)
from lrfr_mm.analysis.fuzz.cases import FUZZ_CASES, FuzzCase, fuzz_case
from lrfr_mm.analysis.fuzz.mutate import mutate
from lrfr_mm.analysis.fuzz.run import FuzzResult, run_case

__all__ = ['FUZZ_CASES', 'FuzzCase', 'FuzzResult', 'fuzz_case', 'mutate', 'run_case']
