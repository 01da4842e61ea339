"""How a command ends: its message and its exit code."""
from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence

import torch.distributed as dist

from lrfr_mm.engine.distributed import describe_lost_ranks, leave
from lrfr_mm.errors import UserError
from lrfr_mm.registry import import_modules

__all__ = ['imports_parser', 'message_of', 'run_command']


def imports_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Import the modules that ``--custom-imports`` names, before a command describes its other
    arguments, whose choices may be what these modules register.

    Args:
        words: The arguments of the command; default those of the process.

    Returns:
        A parser of this argument alone, one of the ``parents`` of the command's.

    Raises:
        InputError: If a module cannot be imported; the text names it.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('--custom-imports', nargs='+', default=[], metavar='MODULE',
                        help='modules that register components of your own')
    import_modules(parser.parse_known_args(words)[0].custom_imports)
    return parser


def run_command(main: Callable[[], int | None]) -> None:
    """Run ``main()`` and exit: with its return value (None is 0), with 2 and one line after a
    UserError, with 1 and a traceback after any other exception.

    LRFR_TRACEBACK=1 in the environment shows the traceback of a UserError, with its cause, too.
    """
    try:
        code = main() or 0
    except UserError as error:
        if os.environ.get('LRFR_TRACEBACK') == '1':
            traceback.print_exc()
        print(f'error: {message_of(error)}', file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        code = 1
    except Exception as error:
        traceback.print_exc()
        lost = describe_lost_ranks(error)
        if lost:
            print(f'error: {lost}', file=sys.stderr)
        code = 1
    if dist.is_available() and dist.is_initialized():
        leave(code)
    sys.exit(code)


def message_of(error: UserError) -> str:
    """The message of ``error`` on one line.

    An error that a DataLoader's worker raised holds the worker's traceback; the message is what
    follows the exception's name there.
    """
    text = str(error)
    if re.match(r'Caught \w+ in ', text):
        text = re.split(rf'^(?:[\w.]+\.)?{type(error).__name__}: ', text, flags=re.M)[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ' '.join(lines) or type(error).__name__
