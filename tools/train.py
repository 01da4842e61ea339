"""Train a face recognizer: python tools/train.py CONFIG."""
from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.commands import train_command

if __name__ == '__main__':
    run_command(train_command)
