"""All methods under one protocol: the same base, budget, search and test."""
from lrfr_mm.analysis.methods.command import MethodStudy, run_methods
from lrfr_mm.analysis.methods.configs import Method, read_methods

__all__ = ['Method', 'MethodStudy', 'read_methods', 'run_methods']
