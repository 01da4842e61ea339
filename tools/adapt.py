"""Adapt a trained recognizer to small faces: python tools/adapt.py CONFIG CHECKPOINT FACES."""
from lrfr_mm.engine.adapt import adapt_command
from lrfr_mm.engine.cli import run_command

if __name__ == '__main__':
    run_command(adapt_command)
