"""The connection of a store of results: opened, lent under a lock, renewed after a fork."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mandala_git.errors import ResultsError
from mandala_git.results import lifetime
from mandala_git.results.database import explained, open_database


class Connected:
    """One SQLite connection that many threads share, one at a time.

    Args:
        path: the database; None: in memory.
        busy_seconds: how long to wait for another process that writes.

    Attributes:
        lock: held by whoever uses the connection.
        notes: sentences for the user about what is not as usual here.
    """

    def __init__(self, path: Path | None, busy_seconds: float) -> None:
        self.path = path
        self.notes: list[str] = []
        self.lock = threading.RLock()
        self._busy = busy_seconds
        self._closed = False
        self._database: sqlite3.Connection | None = None
        self._connect(self.notes)

    def flush(self) -> None:
        """Write what waits; here nothing does."""

    def _connect(self, notes: list[str] | None) -> sqlite3.Connection:
        database = open_database(self.path, busy_seconds=self._busy, notes=notes)
        # A store that is dropped without a close must not leave its files open.
        self._release = weakref.finalize(self, database.close)
        self._release.atexit = False
        self._database = database
        return database

    def _disconnect(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._release()
            self._database = None

    def _abandon(self) -> None:
        """In a forked child: leave the parent's connection to the parent."""
        if self.path is not None and self._database is not None:
            self._release.detach()
            lifetime.abandon(self._database)
            self._database = None

    @contextmanager
    def _using(self, *, flushed: bool = True) -> Iterator[sqlite3.Connection]:
        """Hold the lock and lend the connection; SQLite's errors become ours."""
        with self.lock:
            if flushed:
                self.flush()
            database = self._open()
            try:
                yield database
            except sqlite3.Error as error:
                raise explained(error, self.path, self._busy) from error

    def _open(self) -> sqlite3.Connection:
        """Return the connection, made anew in a forked child."""
        if self._closed:
            raise ResultsError(
                "these results are closed", hint="Open them again with Results(folder)."
            )
        return self._connect(None) if self._database is None else self._database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._using(flushed=False) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise

    def _interned(self, table: str, column: str, value: str | bytes) -> int:
        """Return the row of a unique text, made if new."""
        query = f"SELECT id FROM {table} WHERE {column} = ?"
        with self._using(flushed=False) as database:
            row = database.execute(query, (value,)).fetchone()
        if row is None:
            with self._transaction() as database:
                database.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (value,))
                row = database.execute(query, (value,)).fetchone()
        return int(row[0])
