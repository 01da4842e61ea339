"""A gallery in one folder: SQLite holds it, faiss searches it."""
from __future__ import annotations

import functools
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lrfr_mm.apis.gallery.audit_log import AuditLog
from lrfr_mm.apis.gallery.base import Candidate, Gallery, Person
from lrfr_mm.apis.gallery.vector_index import VectorIndex
from lrfr_mm.errors import InputError, InputMissingError
from lrfr_mm.files import make_directory
from lrfr_mm.registry import GALLERIES

__all__ = ['SQLiteGallery']

_SCHEMA = '''
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS people (number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE, consent TEXT NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY AUTOINCREMENT,
    person INTEGER NOT NULL REFERENCES people (number) ON DELETE CASCADE,
    size REAL, vector BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS vectors_of_person ON vectors (person);
CREATE TABLE IF NOT EXISTS removed (number INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS note_removed AFTER DELETE ON vectors
    BEGIN INSERT INTO removed (id) VALUES (old.id); END;
'''
_VERSION = '1'
_CHUNK = 8192
_COMPRESS_FROM = 20_000  # embeddings; fewer are searched exactly in milliseconds
_TRAIN_ON = 20_000


def _one_at_a_time(method):
    """Threads that share a gallery wait for each other: a connection has one transaction."""
    @functools.wraps(method)
    def locked(self, *args, **kwargs):
        with self._lock:
            return method(self, *args, **kwargs)
    return locked


@GALLERIES.register_module()
class SQLiteGallery(Gallery):
    """Embedded gallery for one machine: ``gallery.sqlite`` and ``audit.sqlite`` in a folder.

    The database is the only place where embeddings are stored; each process keeps a faiss index of
    them in memory, which follows the writes of other processes before every search. A write is one
    transaction: after a crash or ``kill -9`` it is there whole or not at all. Any number of
    processes may read and write; SQLite orders the writes. Threads that share a gallery wait for
    each other.

    A deletion overwrites the embeddings in the database with zeros (``secure_delete``) and
    truncates the write-ahead log, so that no file of the folder holds them afterwards. What the
    file system or the disk keeps of freed blocks is beyond this program. In the memory of other
    processes their place in the index may be kept a while; it gives no answers.

    Args:
        path: The folder, made if missing.
        dims: Length of the embeddings; may be left out for a gallery that exists.
        fingerprint: Of the recognizer; None takes that of a gallery that exists, which is
            enough to list and delete people.
        index: 'exact' compares with every embedding. 'compressed', for hundreds of thousands of
            embeddings and more, compares with codes of 2 bits a number (product quantisation, Jegou
            et al., PAMI 2011, in the form of Andre et al., PAMI 2021) and then exactly with the
            best ``candidates``, which are read from the database.
        candidates: Embeddings that 'compressed' compares exactly; more find more and take longer.
        audit: Whether to keep the audit log.

    Raises:
        InputMissingError: If there is no gallery and ``dims`` or ``fingerprint`` is None.
        InputError: If the gallery is of another recognizer, or the file is not a gallery.
    """

    def __init__(self, path: str | Path, dims: int | None = None, fingerprint: str | None = '',
                 index: str = 'exact', candidates: int = 1000, audit: bool = True):
        if index not in ('exact', 'compressed'):
            raise ValueError(f"index must be 'exact' or 'compressed', got {index!r}")
        if candidates < 1:
            raise ValueError(f'candidates must be at least 1, got {candidates}')
        self.path, self.index, self.candidates = Path(path), index, candidates
        self._lock = threading.RLock()
        self._file = self.path / 'gallery.sqlite'
        if not self._file.is_file() and (dims is None or fingerprint is None):
            raise InputMissingError(f'there is no gallery in {self.path}')
        make_directory(self.path)
        try:
            self._db = sqlite3.connect(self._file, timeout=30, isolation_level=None,
                                       check_same_thread=False)
            for pragma in ('journal_mode = WAL', 'synchronous = FULL', 'secure_delete = ON',
                           'foreign_keys = ON'):
                self._db.execute(f'PRAGMA {pragma}')
            dims, fingerprint = self._open(dims, fingerprint)
        except sqlite3.DatabaseError as error:
            raise InputError(f'{self._file} is not a gallery: {error}') from None
        super().__init__(dims, fingerprint, AuditLog(self.path / 'audit.sqlite') if audit else None)
        self._index = VectorIndex(dims, candidates, self._vectors)
        self._seen = self._counted = -1
        self._removals = self._scalar('SELECT MAX(number) FROM removed') or 0

    def _open(self, dims: int | None, fingerprint: str | None) -> tuple[int, str]:
        """Create the tables or compare their description; returns the embeddings' length and the
        recognizer's fingerprint.
        """
        self._db.executescript(_SCHEMA)
        with self._transaction():
            saved = dict(self._db.execute('SELECT key, value FROM meta'))
            if not saved:
                if dims is None or fingerprint is None:
                    raise InputMissingError(f'there is no gallery in {self.path}')
                self._db.executemany('INSERT INTO meta VALUES (?, ?)', [
                    ('version', _VERSION), ('dims', str(int(dims))), ('fingerprint', fingerprint),
                    ('changes', '0')])
                return int(dims), fingerprint
        if saved.get('version') != _VERSION:
            raise InputError(f'{self._file} has version {saved.get("version")}, this is a reader '
                             f'of version {_VERSION}')
        if fingerprint not in (None, saved['fingerprint']):
            raise InputError(f'{self.path} holds embeddings of another recognizer (fingerprint '
                             f'{saved["fingerprint"][:12]!r}, this one has {fingerprint[:12]!r}): '
                             'enrol the pictures anew in another gallery')
        if dims is not None and int(saved['dims']) != dims:
            raise InputError(f'{self.path} holds embeddings of {saved["dims"]} numbers, not {dims}')
        return int(saved['dims']), saved['fingerprint']

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute('BEGIN IMMEDIATE')
        try:
            yield
        except BaseException:
            self._db.execute('ROLLBACK')
            raise
        self._db.execute('COMMIT')

    def _scalar(self, query: str):
        return self._db.execute(query).fetchone()[0]

    def _changes(self) -> int:
        return int(self._scalar("SELECT value FROM meta WHERE key = 'changes'"))

    def _changed(self) -> None:
        self._db.execute("UPDATE meta SET value = value + 1 WHERE key = 'changes'")

    # -- storage ---------------------------------------------------------------------------------
    @_one_at_a_time
    def _add(self, name, vectors, sizes, consent, note, replace) -> Person:
        with self._transaction():
            self._insert(name, vectors, sizes, consent, note, replace)
            self._changed()
        if replace:
            self._truncate_log()
        return self.person(name)

    @_one_at_a_time
    def _add_many(self, people) -> list[int]:
        with self._transaction():
            numbers = [self._insert(*person, '', '', False) for person in people]
            self._changed()
        return numbers

    def _insert(self, name, vectors, sizes, consent, note, replace) -> int:
        """Write a person inside a transaction; returns the number."""
        self._db.execute('INSERT OR IGNORE INTO people (name, consent, note) VALUES (?, ?, ?)',
                         (name, consent, note))
        (number,) = self._db.execute('SELECT number FROM people WHERE name = ?',
                                     (name,)).fetchone()
        for column, text in (('consent', consent), ('note', note)):
            if text:
                self._db.execute(f'UPDATE people SET {column} = ? WHERE number = ?',
                                 (text, number))
        if replace:
            self._db.execute('DELETE FROM vectors WHERE person = ?', (number,))
        self._db.executemany(
            'INSERT INTO vectors (person, size, vector) VALUES (?, ?, ?)',
            [(number, None if np.isnan(size) else float(size), vector.tobytes())
             for vector, size in zip(vectors, sizes, strict=True)])
        return number

    @_one_at_a_time
    def _remove(self, person: Person) -> None:
        with self._transaction():
            self._db.execute('DELETE FROM people WHERE number = ?', (person.number,))
            self._changed()
        self._truncate_log()

    def _truncate_log(self, patience: float = 30.) -> None:
        """Empty the write-ahead log, which may hold what was deleted; readers delay that."""
        end = time.monotonic() + patience
        while True:
            (busy, _, _) = self._db.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()
            if not busy:
                return
            if time.monotonic() > end:
                raise TimeoutError(f'{self._file}: other processes have been reading for '
                                   f'{patience:.0f} s; the write-ahead log still holds what was '
                                   'deleted')
            time.sleep(.05)

    @_one_at_a_time
    def person(self, name: str) -> Person:
        row = self._db.execute(
            'SELECT number, name, consent, note, (SELECT COUNT(*) FROM vectors WHERE person = '
            'number) FROM people WHERE name = ?', (name,)).fetchone()
        if row is None:
            raise InputError(f'{self.path} has nobody of the name {name!r}')
        return Person(*row)

    @_one_at_a_time
    def people(self) -> list[Person]:
        return [Person(*row) for row in self._db.execute(
            'SELECT number, name, consent, note, (SELECT COUNT(*) FROM vectors WHERE person = '
            'number) FROM people ORDER BY number')]

    @_one_at_a_time
    def __len__(self) -> int:
        return self._counts()[0]

    @_one_at_a_time
    def pictures(self) -> int:
        return self._counts()[1]

    def _counts(self) -> tuple[int, int]:
        """People and embeddings; counted anew after a change."""
        changes = self._changes()
        if changes != self._counted:
            self._count = tuple(self._scalar(f'SELECT COUNT(*) FROM {table}')
                                for table in ('people', 'vectors'))
            self._counted = changes
        return self._count

    def close(self) -> None:
        self._db.close()
        if self.audit is not None:
            self.audit.close()

    # -- search ----------------------------------------------------------------------------------
    def _refresh(self) -> None:
        """Bring the index to the state of the database, in short reads: a long one would keep a
        deletion from emptying the write-ahead log.
        """
        changes = self._changes()
        if changes == self._seen:
            return
        removed = np.array(self._db.execute('SELECT number, id FROM removed WHERE number > ?',
                                            (self._removals,)).fetchall(), np.int64).reshape(-1, 2)
        if len(removed):
            self._index.remove(removed[:, 1])
            self._removals = int(removed[:, 0].max())
        if self.index == 'compressed':
            count = len(self._index) + self._scalar(
                f'SELECT COUNT(*) FROM vectors WHERE id > {self._index.last}')
            if count > max(_COMPRESS_FROM, 4 * self._index.trained_for):
                self._index.train(self._sample(), count)
        while part := self._db.execute('SELECT id, vector FROM vectors WHERE id > ? ORDER BY id '
                                       f'LIMIT {_CHUNK}', (self._index.last,)).fetchall():
            self._index.add(np.array([row[0] for row in part], np.int64),
                            self._stacked([row[1] for row in part]))
        self._seen = changes

    def _stacked(self, blobs: list[bytes]) -> np.ndarray:
        return np.frombuffer(b''.join(blobs), np.float32).reshape(len(blobs), self.dims)

    def _sample(self) -> np.ndarray:
        """Stored embeddings to learn codes from."""
        ids = np.fromiter((row[0] for row in self._db.execute('SELECT id FROM vectors')), np.int64)
        chosen = np.random.default_rng(0).choice(ids, min(len(ids), _TRAIN_ON), replace=False)
        return self._vectors(np.sort(chosen))[1]

    def _vectors(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of ascending ids, those that are stored, and their embeddings (N, dims)."""
        rows = []
        for marks, part in _id_lists(ids):
            rows += self._db.execute(
                f'SELECT id, vector FROM vectors WHERE id IN ({marks}) ORDER BY id', part)
        return np.array([row[0] for row in rows], np.int64), self._stacked(
            [row[1] for row in rows])

    @_one_at_a_time
    def _search(self, vectors, k) -> list[list[Candidate]]:
        self._refresh()
        if not len(self._index):
            return [[] for _ in vectors]
        found: list[list[Candidate]] = [[] for _ in vectors]
        wanted, todo = 4 * k, np.arange(len(vectors))
        while len(todo):  # several pictures of one person: look further until k people are found
            wanted = min(wanted, self._index.positions)
            scores, ids = self._index.nearest(vectors[todo], wanted)
            described = self._describe(np.unique(ids[ids >= 0]))
            for row, line, positions in zip(todo, scores, ids, strict=True):
                best: dict[int, Candidate] = {}
                for score, position in zip(line, positions, strict=True):
                    if position in described:
                        name, number, size = described[position]
                        best.setdefault(number, Candidate(name, number, float(score), size))
                found[row] = list(best.values())[:k]
            short = np.array([len(found[row]) < k for row in todo])
            if wanted == self._index.positions:
                break
            todo, wanted = todo[short], 4 * wanted
        return found

    def _describe(self, ids: np.ndarray) -> dict[int, tuple[str, int, float]]:
        """Name and number of the person, and face size, of each embedding that is still there."""
        out = {}
        for marks, part in _id_lists(ids):
            for identifier, name, number, size in self._db.execute(
                    'SELECT vectors.id, name, number, size FROM vectors JOIN people ON person = '
                    f'number WHERE vectors.id IN ({marks})', part):
                out[identifier] = (name, number, float('nan') if size is None else size)
        return out


def _id_lists(ids: np.ndarray, length: int = 500) -> Iterator[tuple[str, list[int]]]:
    """Placeholders and ids for statements of a bounded number of parameters."""
    for start in range(0, len(ids), length):
        part = ids[start:start + length].tolist()
        yield ','.join('?' * len(part)), part
