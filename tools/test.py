"""Measure a checkpoint on the config's benchmarks: python tools/test.py CONFIG CHECKPOINT."""
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.commands import test_command

if __name__ == '__main__':
    run_command(test_command)
