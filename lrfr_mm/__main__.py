"""Commands of the installed package: ``lrfr train lrfr/demo`` or ``python -m lrfr_mm train``."""
from __future__ import annotations

import argparse
import sys
from functools import partial

from lrfr_mm.engine.cli import run_command
from lrfr_mm.engine.commands import test_command, train_command

COMMANDS = dict(train=train_command, test=test_command)


def main() -> None:
    """Run the command that the first argument names with the other arguments."""
    parser = argparse.ArgumentParser(prog='lrfr', description='Low-resolution face recognition.')
    parser.add_argument('command', choices=COMMANDS)
    name = parser.parse_args(sys.argv[1:2]).command
    run_command(partial(COMMANDS[name], sys.argv[2:]))


if __name__ == '__main__':
    main()
