"""Files that are there whole or not at all."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ['whole_file', 'write_text']


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what lies there takes its place when the block ends.

    A crash, a full disk or a signal leaves the old file, or none. Missing folders are made.

    Raises:
        OSError: If it cannot be written; the text names ``path``.
    """
    path = Path(path)
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.filename is not None and str(error.filename) != str(part):
            raise
        # Of the same class, so that a caller can still tell a full disk from a missing folder.
        raise type(error)(error.errno, f'cannot write: {error.strerror}', str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` (UTF-8) to ``path``, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(text, encoding='utf-8')
