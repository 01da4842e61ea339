"""Find the command and run it."""
from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from lrfr_mm.version import __version__

__all__ = ['COMMANDS', 'main']

# Name to what it does; the module is imported when the command is asked for, so that help is quick.
COMMANDS = {
    'train': 'train a recognizer',
    'test': 'measure a checkpoint on the benchmarks of its config',
    'align': 'photographs to aligned faces',
    'embed': 'pictures to embeddings, in a file',
    'verify': 'do two pictures show the same person?',
    'enroll': 'add a person to a gallery, or delete one',
    'identify': 'who of a gallery is in these pictures?',
    'watch': 'identify the people of a video, camera or stream',
    'export': 'write a recognizer for another runtime, if it is as good there',
    'calibrate': 'learn thresholds and error rates by face size',
    'card': 'write the model card of a recognizer',
    'serve': 'a web page and an API for comparing, searching and identifying',
    'zoo': 'list the recognizers that are known, and what is known of them',
}


def main(argv: Sequence[str] | None = None, command: str | None = None) -> None:
    """Entry point of the console script; exits with 0, with 2 after a user's mistake, else 1.

    Args:
        argv: The arguments; default those of the process.
        command: Name of the command, where it is not the first argument.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if command is None:
        command, words = _command(words), words[1:]
    from lrfr_mm.engine.cli import run_command  # seconds, which the help above does not take
    run_command(lambda: _run(command, words))


def _command(words: list[str]) -> str:
    """The name of the command; prints the help, the version or a usage error and exits instead."""
    parser = argparse.ArgumentParser(
        prog='lrfr', description='Face recognition from 7 to 112 px.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='commands:\n' + '\n'.join(f'  {name:<10} {text}' for name, text in COMMANDS.items())
        + '\n\n`lrfr COMMAND --help` shows the arguments of a command.')
    parser.add_argument('--version', action='version', version=f'lrfr_mm {__version__}')
    parser.add_argument('command', choices=list(COMMANDS), metavar='COMMAND')
    return parser.parse_args(words[:1] if words else ['--help']).command


def _run(name: str, words: list[str]) -> int | None:
    if name in ('train', 'test'):
        commands = importlib.import_module('lrfr_mm.engine.commands')
        return getattr(commands, f'{name}_command')(words)
    from lrfr_mm.engine.cli import imports_parser
    imports = imports_parser(words)
    command = importlib.import_module(f'lrfr_mm.cli.commands.{name}')
    parser = argparse.ArgumentParser(prog=f'lrfr {name}', description=command.__doc__,
                                     parents=[imports],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))
