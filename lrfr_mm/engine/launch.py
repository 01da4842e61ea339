"""Former place of the commands' parts, kept for code written against it."""
from lrfr_mm.engine.build import build_runner
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.config import add_common_arguments, load_config, select_benchmarks
from lrfr_mm.engine.distributed import leave
from lrfr_mm.engine.training_set import check_training_set

__all__ = ['add_common_arguments', 'build_runner', 'check_training_set', 'leave', 'load_config',
           'run_command', 'select_benchmarks']
