"""Image files in directories: their endings, and how to find them by name."""
from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from lrfr_mm.errors import InputError, InputMissingError

__all__ = ['IMAGE_SUFFIXES', 'ImageFinder', 'find_images', 'is_image_name', 'list_images',
           'read_image_file']

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def is_image_name(name: str) -> bool:
    """Whether ``name`` ends like an image, in any case, and is not hidden ('.' first)."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')


def find_images(root: str | os.PathLike) -> list[str]:
    """Image files below ``root`` at any depth, sorted, relative to it.

    Hidden files and directories do not count. Symbolic links are followed, except those to a
    directory that contains them.

    Raises:
        InputMissingError: If ``root`` is no directory.
        InputError: If it holds no image, or the name of one is not UTF-8.
    """
    if not os.path.isdir(root):
        raise InputMissingError(f'{root} is not a directory')
    found = sorted(_walk(str(root), '', frozenset()))
    if not found:
        raise InputError(f'{root} holds no image ({", ".join(IMAGE_SUFFIXES)})')
    for name in found:
        if not name.isprintable() and any('\ud800' <= char <= '\udfff' for char in name):
            raise InputError(f'{root}: the name {os.fsencode(name)!r} is not UTF-8; rename it')
    return found


def _walk(root: str, directory: str, above: frozenset) -> Iterator[str]:
    """Images below ``root/directory``; ``above`` identifies the directories that contain it."""
    path = os.path.join(root, directory)
    status = os.stat(path)
    if (status.st_dev, status.st_ino) in above:
        return
    above |= {(status.st_dev, status.st_ino)}
    with os.scandir(path) as entries:
        for entry in entries:
            below = f'{directory}/{entry.name}' if directory else entry.name
            if entry.name.startswith('.'):
                continue
            if entry.is_dir():
                yield from _walk(root, below, above)
            elif is_image_name(entry.name):
                yield below


def list_images(directory: str) -> list[str]:
    """Names of the images of a directory that holds nothing else, sorted.

    Hidden entries (names that begin with '.') do not count.

    Raises:
        InputMissingError: If there is no such directory.
        InputError: If it holds no image, or anything that is not an image; the text names it.
    """
    if not os.path.isdir(directory):
        raise InputMissingError(f'{directory} is not a directory')
    names = sorted(name for name in os.listdir(directory) if not name.startswith('.'))
    for name in names:
        if not is_image_name(name):
            raise InputError(f'{os.path.join(directory, name)} is not an image '
                             f'({", ".join(IMAGE_SUFFIXES)}): remove it from the directory')
    if not names:
        raise InputError(f'{directory} holds no image ({", ".join(IMAGE_SUFFIXES)})')
    return names


class ImageFinder:
    """Finds images whose ending may have changed when they were aligned.

    Each directory is read once.

    Args:
        root: Directory that all names are relative to.
        listed_in: The file that the names come from, for messages.
        suffixes: Endings to accept, in any case; the first in this order is taken where a name
            occurs with several.
    """

    def __init__(self, root: str, listed_in: str | os.PathLike, suffixes=IMAGE_SUFFIXES):
        self.root, self.listed_in = str(root), listed_in
        self.suffixes = [suffix.lower() for suffix in suffixes]
        self._directories: dict[str, dict[str, str]] = {}

    def find(self, path: str) -> str:
        """Path below the root of the image ``path``, given without its ending.

        Raises:
            InputMissingError: If it is not there.
        """
        directory, _, stem = path.rpartition('/')
        if directory not in self._directories:
            self._directories[directory] = self._read(directory)
        name = self._directories[directory].get(stem)
        if name is None:
            raise InputMissingError(f'{os.path.join(self.root, path)} '
                                    f'({", ".join(self.suffixes)}) is missing; '
                                    f'{self.listed_in} lists it')
        return f'{directory}/{name}' if directory else name

    def _read(self, directory: str) -> dict[str, str]:
        """Name without ending to name, of the images of one directory."""
        try:
            entries = os.listdir(os.path.join(self.root, directory))
        except OSError:
            return {}
        found: dict[str, tuple[int, str]] = {}
        for entry in sorted(entries):
            stem, suffix = os.path.splitext(entry)
            if suffix.lower() in self.suffixes:
                place = self.suffixes.index(suffix.lower())
                if stem not in found or place < found[stem][0]:
                    found[stem] = place, entry
        return {stem: entry for stem, (_, entry) in found.items()}


def read_image_file(path: str | os.PathLike) -> bytes:
    """The bytes of a file, which must be a regular one: opening a pipe would wait for ever.

    Raises:
        InputMissingError: If it does not exist.
        InputError: If it is no regular file or cannot be read; the text names it.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f'{path} is not a regular file')
        with open(path, 'rb') as file:
            return file.read()
    except FileNotFoundError as error:
        raise InputMissingError(f'{path} does not exist') from error
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}') from error
