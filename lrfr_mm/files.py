"""Files that are there whole or not at all, and names from files that may become paths."""
from __future__ import annotations

import hashlib
import os
import re
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lrfr_mm.errors import InputError, InputExistsError, InputMissingError, OutputError, UserError

__all__ = ['file_sha256', 'locked', 'make_directory', 'remove_stale_parts', 'safe_component',
           'safe_components', 'safe_relative_path', 'temporary_file', 'whole_file', 'write_text']

_HOST = re.sub(r'[^A-Za-z0-9-]', '-', socket.gethostname())[:40] or 'host'
_PART = re.compile(r'\..*\.([A-Za-z0-9-]+)\.(\d+)\.part')
_MAX_NAME = 200  # bytes of a name that a temporary file's name repeats; file systems allow 255
_open_parts: set[str] = set()  # those that this process is writing


def _part_path(path: Path) -> Path:
    name = os.fsencode(path.name)[:_MAX_NAME].decode('utf-8', 'ignore')
    return path.with_name(f'.{name}.{_HOST}.{os.getpid()}.part')


@contextmanager
def temporary_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path`` for one block; what lies there is removed at its end.

    The name holds the host and the process id, so that :func:`remove_stale_parts` recognises what a
    killed process left. Missing directories are made.

    Raises:
        OutputError: If the file cannot be written (full disk, read-only directory, a name that is
            too long); the text names ``path``.
    """
    path = Path(path)
    part = _part_path(path)
    _open_parts.add(str(part))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except OSError as error:
        ours = {str(part), str(path), *map(str, path.parents)}
        if isinstance(error, UserError) or str(error.filename or part) not in ours:
            raise
        raise OutputError(error.errno, f'cannot be written: {error.strerror}', str(path)) from error
    finally:
        _open_parts.discard(str(part))
        # Without the directory, or in one that may not be written, there is no such file.
        with suppress(OSError):
            part.unlink()


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what lies there takes its place when the block ends.

    A crash, a full disk or a signal leaves the old file, or none. Errors as
    :func:`temporary_file`.
    """
    with temporary_file(path) as part:
        yield part
        os.replace(part, path)


def make_directory(path: str | os.PathLike) -> Path:
    """Make a directory, and those above it, where they are missing.

    Raises:
        OutputError: If it cannot be made, for example because a file has that name.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(error.errno, f'cannot be made as a directory: {error.strerror}',
                          str(path)) from error
    return path


@contextmanager
def locked(path: str | os.PathLike, patience: float = 5.) -> Iterator[None]:
    """Keep other processes that lock ``path`` out during a block; this process may lock it again.

    The lock is a hidden file beside ``path``. The operating system gives it up with the process. A
    file system without locks keeps nobody out.

    Args:
        path: What is written in the block; need not be there.
        patience: Seconds to wait for another process; negative for as long as it takes.

    Raises:
        InputExistsError: If another process still holds the lock then.
        OutputError: If the lock cannot be written.
    """
    path = Path(path)
    file = path.with_name(f'.{path.name}.lock')
    lock = FileLock(file, is_singleton=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # FileLock takes a directory that accepts no file for a lock that another process holds.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o644))
        lock.acquire(timeout=patience)
    except Timeout:
        raise InputExistsError(f'{path}: another process is writing it') from None
    except NotImplementedError:
        yield
        return
    except OSError as error:
        raise OutputError(error.errno, f'cannot be written: {error.strerror}', str(path)) from error
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            file.unlink(missing_ok=True)  # before it is given up: never that of another process
        lock.release()


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` (UTF-8) to ``path``, whole or not at all; errors as :func:`whole_file`."""
    with whole_file(path) as part:
        part.write_text(text, encoding='utf-8')


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        InputMissingError: If ``path`` is not a file.
    """
    if not os.path.isfile(path):
        raise InputMissingError(f'{path} does not exist')
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives and belongs to somebody else
    return True


def remove_stale_parts(directory: str | os.PathLike) -> list[Path]:
    """Remove the temporary files below ``directory`` whose process is dead.

    Only files with this host's name count: whether a process of another host lives cannot be known.

    Args:
        directory: Searched with its subdirectories; symbolic links are not followed. It need not
            exist.

    Returns:
        The paths that were removed.
    """
    removed = []
    for folder, _, names in os.walk(directory):
        for name in names:
            match = _PART.fullmatch(name)
            if match is None or match[1] != _HOST:
                continue
            path, pid = Path(folder, name), int(match[2])
            # A file with our own id is being written, or an earlier process had the same id.
            own = pid == os.getpid()
            if (own and str(path) in _open_parts) or (not own and _is_alive(pid)):
                continue
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def safe_component(name: str, what: str) -> str:
    """A name read from a file that will be one component of a path; returned unchanged.

    Args:
        name: The name.
        what: Where it was read: the file, and the line or index. The message begins with it.

    Raises:
        InputError: If it is empty or holds nothing but dots and blanks, contains '/', a backslash
            or a control character, begins with a drive letter and ':', is no Unicode text, or is
            longer than 255 bytes.
    """
    if (not name.strip('. ') or re.search(r'[/\\\x00-\x1f\x7f]', name) or name[1:2] == ':'
            or re.search('[\ud800-\udfff]', name) or len(name.encode()) > 255):
        raise InputError(f'{what}: {name[:80]!r} cannot be the name of a file or directory')
    return name


def safe_components(names: list[str], what: str) -> list[str]:
    """Names read from a file that will be directories side by side; returned unchanged.

    Two names that are the same directory on some file system (upper and lower case, composed and
    decomposed letters, dots and blanks at the end) would merge, so they are refused.

    Args:
        names: The names.
        what: Where they were read; the message adds the position, counted from 1.

    Raises:
        InputError: If a name is not a safe component, begins with a dot (readers of directories
            skip it), or is there twice in this sense.
    """
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        safe_component(name, f'{what}, name {number}')
        if name.startswith('.'):
            raise InputError(f'{what}, name {number}: {name[:80]!r} begins with a dot; readers '
                             'skip such directories')
        key = unicodedata.normalize('NFC', name).casefold().rstrip('. ')
        if key in first:
            raise InputError(f'{what}: names {first[key]} and {number}, '
                             f'{names[first[key] - 1][:80]!r} and {name[:80]!r}, are the same '
                             'directory on some file systems')
        first[key] = number
    return names


def safe_relative_path(name: str, what: str) -> str:
    """A path read from a file that stays below the directory it will be joined to.

    Args:
        name: Components separated by '/'.
        what: As of :func:`safe_component`.

    Returns:
        The path without empty and '.' components.

    Raises:
        InputError: If it is empty or absolute, or a component is not safe ('..' never is).
    """
    parts = [part for part in name.split('/') if part not in ('', '.')]
    if not parts or name.startswith('/'):
        raise InputError(f'{what}: {name[:80]!r} is not a relative path')
    return '/'.join(safe_component(part, what) for part in parts)
