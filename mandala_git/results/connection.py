"""The connection of a store of results: opened, lent under a lock, renewed after a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mandala_git.errors import ResultsError, Unwritable
from mandala_git.results import absence, lifetime, presence
from mandala_git.results.database import explained, open_database

if TYPE_CHECKING:
    from mandala_git.results.readonly import Stamp


_IN_A_ROW = 4
"""So many lookups, with no new call between them, are taken for the first of more."""

PAUSE = 5
"""After a wait for a lock that was in vain, so many times as long passes until the next one."""


class Connected:
    """One SQLite connection that many threads share, one at a time.

    Args:
        path: the database; None: in memory.
        busy_seconds: how long to wait for another process that writes.

    Attributes:
        lock: held by whoever uses the connection.
        notes: sentences for the user about what is not as usual here.
        refusal: why nothing can be recorded here; None where it can.
        in_memory: whether all is forgotten with this process.
    """

    def __init__(self, path: Path | None, busy_seconds: float) -> None:
        self.path = path
        self.notes: list[str] = []
        self.lock = threading.RLock()
        self.refusal: ResultsError | None = None
        self.in_memory = path is None
        self._busy = busy_seconds
        self._closed = False
        self._database: sqlite3.Connection | None = None
        self._presence: int | None = None
        self._stamp: Stamp | None = None
        self._place = str(path)
        self._file: tuple[int, int] | None = None
        self._reading = False
        self._lookups = 0
        self._wal: bool | None = None
        self._failure: ResultsError | None = None
        self._pause_ends = 0.0
        self._connect(self.notes)

    def flush(self, *, patient: bool = False) -> None:
        """Write what waits; here nothing does."""

    def _connect(self, notes: list[str] | None) -> sqlite3.Connection:
        self.refusal = self._stamp = None
        if self.path is not None:
            self._presence = presence.join(self.path, self._busy)
        try:
            database = open_database(self.path, busy_seconds=self._busy, notes=notes)
            if self.path is not None:
                self._file = _identity(self._place)
        except Unwritable as error:
            database = self._to_read(error)
        except BaseException:
            presence.leave(self._presence)
            raise
        # A store that is dropped without a close must not leave its files open.
        self._release = weakref.finalize(self, _let_go, database, self._presence)
        self._release.atexit = False
        self._database = database
        return database

    def _to_read(self, refusal: Unwritable) -> sqlite3.Connection:
        from mandala_git.results.readonly import open_to_read

        presence.leave(self._presence)
        self._presence = None
        assert self.path is not None
        database, self._stamp = open_to_read(self.path, refusal)
        self.in_memory = not database.execute("PRAGMA database_list").fetchone()[2]
        self.refusal = None if self.in_memory else refusal
        if self.in_memory:
            self.notes.append(f"{refusal.message}: results are kept in memory only")
        return database

    def _disconnect(self) -> None:
        if self._database is not None:
            self._release.detach()  # at the end of a process it would do nothing
            with suppress(sqlite3.Error):
                _let_go(self._database, self._presence)
            self._database = None
            self._reading, self._wal = False, None

    def _abandon(self) -> None:
        """In a forked child: leave the parent's connection to the parent."""
        if not self.in_memory and self._database is not None:
            self._release.detach()
            lifetime.abandon(self._database)
            self._database = None
            self._reading = False
            presence.leave(self._presence)  # the parent's descriptor goes on holding the lock
            self._presence = None

    @contextmanager
    def _using(self, *, flushed: bool = True) -> Iterator[sqlite3.Connection]:
        """Hold the lock and lend the connection; SQLite's errors become ours."""
        with self.lock:
            if flushed:
                known = self._failure is not None
                try:
                    self.flush(patient=True)
                except ResultsError:
                    if not known:  # else what is there can be read all the same
                        raise
            database = self._open()
            try:
                yield database
            except sqlite3.Error as error:
                raise explained(error, self.path, self._busy) from error

    def looking(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend the connection to somebody who reads all that was recorded so far."""
        return self._using()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection in a transaction, once what waits is written.

        Raises:
            ResultsError: the database cannot be written; nothing was changed.
        """
        with self.lock:
            self.flush()
            with self._transaction() as database:
                yield database

    def _open(self) -> sqlite3.Connection:
        """Return the connection, made anew in a forked child."""
        if self._reading:
            self._rest()
        if self._closed:
            raise ResultsError(
                "these results are closed", hint="Open them again with Results(folder)."
            )
        if self._stamp is not None and not self._stamp.holds():
            self._disconnect()
        return self._connect(None) if self._database is None else self._database

    def _read_on(self, database: sqlite3.Connection) -> bool:
        """Begin one transaction for the lookups that follow others; say whether it began.

        A lookup then takes half the time. `_open` ends it, for whatever else is done next; whoever
        has begun it sees to it that it ends soon, for a log cannot be cut while somebody reads.
        """
        self._lookups += 1
        if self._lookups < _IN_A_ROW or self.refusal is not None or self.in_memory:
            return False
        if self._wal is None:
            self._wal = database.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        if not self._wal:  # it would keep others from writing
            return False
        self._reading = True  # first: an interrupt may leave this without a transaction
        database.execute("BEGIN")
        return True

    def _rest(self) -> None:
        """End the transaction for lookups."""
        if self._database is not None and self._database.in_transaction:
            with suppress(sqlite3.Error):  # who reads next meets what is wrong
                self._database.execute("ROLLBACK")
        self._reading = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def store_id(self) -> bytes:
        """Return the random id of the database."""
        with self._using(flushed=False) as database:
            return bytes(database.execute("SELECT id FROM store").fetchone()[0])

    @property
    def wal(self) -> bool:
        """Whether processes of this machine share memory here: not on a network file system."""
        with self._using(flushed=False) as database:
            return str(database.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"

    def _check_place(self) -> None:
        """Notice that the database was removed or replaced: SQLite goes on writing to nowhere.

        Raises:
            Unwritable: it was.
        """
        if self._file is not None and _identity(self._place) != self._file:
            raise Unwritable(
                f"{self.path} was removed or replaced while this program has it open",
                hint="What it computes from now on is not kept; start it again to record anew.",
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._have_patience()
        began = time.monotonic()
        try:
            with self._using(flushed=False) as database, transaction(database):
                yield database
        except ResultsError as error:
            self._failed(error, began)
            raise
        self._failure = None

    def _have_patience(self) -> None:
        """Do not try what cannot work, nor wait for a lock that was waited for in vain just now.

        Raises:
            ResultsError: what was said then.
        """
        error = self.refusal
        if error is None and self._failure is not None and time.monotonic() < self._pause_ends:
            error = self._failure
        if error is not None:
            raise type(error)(error.message, hint=error.hint)

    def _failed(self, error: ResultsError, began: float) -> None:
        """Note that something could not be written, which was tried since a time."""
        self._failure, now = error, time.monotonic()
        if now - began >= self._busy:
            self._pause_ends = now + PAUSE * (now - began)

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


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all that is done inside, or nothing of it."""
    if connection.in_transaction:  # an interrupt came while an interrupted one was rolled back
        connection.execute("ROLLBACK")
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
        absence.wrote()
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _let_go(database: sqlite3.Connection, lock: int | None) -> None:
    database.close()
    presence.leave(lock)
