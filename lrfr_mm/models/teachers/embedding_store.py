"""Embeddings on disk, found by the pixels of their image."""
from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lrfr_mm.errors import InputError

__all__ = ['EmbeddingStore']


class EmbeddingStore:
    """A file of embeddings under the hash of each image's pixels.

    A mirrored image has other pixels and so an entry of its own. Several processes may read and
    write one file (SQLite's locks).

    Args:
        path: The file; it and its directories are made when the first entry is written.

    Raises:
        InputError: If ``path`` is not such a file.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._connection: sqlite3.Connection | None = None

    @staticmethod
    def key(image: np.ndarray) -> bytes:
        """16 bytes that name an image, uint8 of any shape."""
        shape = repr(image.shape).encode()
        return hashlib.blake2b(np.ascontiguousarray(image), digest_size=16, key=shape).digest()

    def get(self, keys: Sequence[bytes]) -> list[np.ndarray | None]:
        """The embedding of each key, float32 (D,); None where there is none."""
        if not self.path.is_file():
            return [None] * len(keys)
        found = {}
        try:
            for key in set(keys):
                row = self._open().execute('SELECT value FROM embeddings WHERE key = ?',
                                           (key,)).fetchone()
                if row is not None:
                    found[key] = np.frombuffer(row[0], '<f4')
        except sqlite3.DatabaseError as error:
            raise InputError(f'{self.path} is not a file of cached embeddings: {error}; remove it, '
                             'it is made again') from error
        return [found.get(key) for key in keys]

    def put(self, keys: Sequence[bytes], embeddings: np.ndarray) -> None:
        """Add ``embeddings``, float32 (N, D), under ``keys``; an entry that is there stays."""
        rows = [(key, np.asarray(value, '<f4').tobytes())
                for key, value in zip(keys, embeddings, strict=True)]
        with self._open() as connection:
            connection.executemany('INSERT OR IGNORE INTO embeddings VALUES (?, ?)', rows)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60)
            self._connection.execute('CREATE TABLE IF NOT EXISTS embeddings '
                                     '(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID')
        return self._connection

    def __getstate__(self) -> dict:
        return dict(path=self.path, _connection=None)  # a connection belongs to its process
