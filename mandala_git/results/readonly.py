"""A database that can only be read: a read-only folder, a full disk, somebody else's files."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from mandala_git.errors import ResultsError, Unwritable
from mandala_git.results.database import CONTAINERS, SCHEMA, explained, open_database


class Stamp:
    """What a database file looked like when it was opened as one that nobody changes.

    SQLite then takes no locks, so that somebody who does write has to be noticed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stat = self._look()

    def holds(self) -> bool:
        """Say whether nobody has written since."""
        return self._look() == self._stat

    def _look(self) -> tuple[int, ...]:
        found = os.stat(self._path)
        return (journal_size(self._path), found.st_ino, found.st_size, found.st_mtime_ns)


def journal_size(path: Path) -> int:
    """Return how many bytes wait in the WAL of a database."""
    try:
        return os.stat(f"{path}-wal").st_size
    except OSError:
        return 0


def open_to_read(path: Path, refusal: Unwritable) -> tuple[sqlite3.Connection, Stamp | None]:
    """Open a database that cannot be written.

    Args:
        path: the file.
        refusal: why it cannot be written.

    Returns:
        A connection, and a stamp to be asked before each use where no lock protects it. Where
        there is no file, the connection is to an empty database in memory.

    Raises:
        ResultsError: it cannot be read either.
    """
    if not os.path.exists(path) or not os.path.getsize(path):
        return open_database(None), None
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        try:
            return _opened(path, address), None
        except sqlite3.Error:
            # A WAL database needs its -shm file even to be read, unless nobody changes it.
            if journal_size(path):
                raise
            stamp = Stamp(path)
            return _opened(path, f"{address}&immutable=1"), stamp
    except sqlite3.Error as error:
        raise explained(error, path) from refusal


def _opened(path: Path, address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        schema = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if schema == SCHEMA - 1:  # it has no containers
            connection.execute(CONTAINERS.replace("TABLE", "TEMP TABLE"))
        elif schema != SCHEMA:
            raise ResultsError(
                f"{path} has the schema {schema} of another version, and cannot be brought "
                f"to {SCHEMA} where it cannot be written",
                hint="Make it writable, or choose another folder: "
                "git config mandala.resultsDir FOLDER",
            )
    except BaseException:
        connection.close()
        raise
    return connection
