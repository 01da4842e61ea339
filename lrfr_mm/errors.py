"""Errors that a user's input causes.

They are raised where input is read: arguments, configs, sources, benchmarks, checkpoints. The
commands of this package print the message of a :class:`UserError` on one line and exit with 2;
every other exception is a defect, keeps its traceback, and ends the command with 1.

Each class also derives from the built-in exception that a caller in Python would expect.
"""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ['ConfigError', 'IncompleteInputError', 'InputError', 'InputExistsError',
           'InputMissingError', 'MissingDependencyError', 'OutputError', 'UserError', 'reading']


class UserError(Exception):
    """Base of all errors whose cause is the input; the message names the file, the line or index,
    or the config key.
    """


class InputError(UserError, ValueError):
    """A file, an argument or a value that cannot be used."""


class ConfigError(InputError):
    """A config, or an override of one, that cannot be used; the message names the key."""


class InputMissingError(UserError, FileNotFoundError):
    """A file or directory that is not there."""

    def __str__(self) -> str:  # OSError would print (errno, text) for two arguments
        return ' '.join(map(str, self.args))


class IncompleteInputError(InputMissingError):
    """A file of a data set that is not there although others of the set are: a list names an image
    that does not exist. It is an error also where a data set as a whole may be missing.
    """


class InputExistsError(UserError, FileExistsError):
    """A destination that exists already."""

    def __str__(self) -> str:
        return ' '.join(map(str, self.args))


class OutputError(UserError, OSError):
    """A file or directory that cannot be written: a full disk, a read-only directory.

    Its arguments are OSError's: errno, text, path.
    """

    def __str__(self) -> str:
        return f'{self.filename}: {self.strerror}'


class MissingDependencyError(UserError, ImportError):
    """An optional package that is not installed; the message has the ``pip install`` command."""


@contextmanager
def reading(what: str, *also: type[BaseException]) -> Iterator[None]:
    """Turn whatever a library raises while it parses foreign bytes into an InputError.

    Errors that are named already pass unchanged. MemoryError is turned as well (a damaged length
    field asks for it); KeyboardInterrupt and other non-``Exception`` classes are not.

    Args:
        what: The file (and the line or index, where known), the beginning of the message.
        *also: Classes outside ``Exception`` that the library raises (pyo3's PanicException).

    Raises:
        InputError: In place of any other exception of the block.
    """
    try:
        yield
    except UserError:
        raise
    except (Exception, *also) as error:
        text = str(error).strip().partition('\n')[0] or type(error).__name__
        raise InputError(f'{what}: {text}') from error
