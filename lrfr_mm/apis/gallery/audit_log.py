"""Who asked what of a gallery, and when."""
from __future__ import annotations

import json
import sqlite3
import threading
from datetime import datetime, timezone
from pathlib import Path

__all__ = ['AuditLog']


class AuditLog:
    """An append-only table in an SQLite file.

    Entries name people by their number in the gallery, so that a deleted person's name does not
    stay here. No embedding is written.

    Args:
        path: The file, made if missing.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        # One that stays open: closing the last connection of a file folds its log into it.
        self._db = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        self._db.execute('PRAGMA journal_mode = WAL')
        with self._db:
            self._db.execute('CREATE TABLE IF NOT EXISTS audit (time TEXT NOT NULL, '
                             'actor TEXT NOT NULL, action TEXT NOT NULL, details TEXT NOT NULL)')

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def write(self, actor: str, action: str, **details) -> None:
        """Append one entry with the present time (UTC)."""
        now = datetime.now(timezone.utc).isoformat(timespec='milliseconds')
        with self._lock, self._db:
            self._db.execute('INSERT INTO audit VALUES (?, ?, ?, ?)',
                             (now, actor, action, json.dumps(details)))

    def entries(self, last: int = 100) -> list[dict]:
        """The newest entries, oldest first: time, actor, action and details."""
        with self._lock:
            rows = self._db.execute('SELECT time, actor, action, details FROM audit '
                                    'ORDER BY rowid DESC LIMIT ?', (last,)).fetchall()
        return [dict(time=time, actor=actor, action=action, **json.loads(details))
                for time, actor, action, details in reversed(rows)]
