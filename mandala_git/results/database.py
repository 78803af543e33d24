"""results.db: its schema, its migrations, and how it is opened."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mandala_git.errors import NewerSchema, ResultsError, Unwritable
from mandala_git.results.filesystems import network_type
from mandala_git.results.presence import damaged, unreadable

APPLICATION_ID = 0x6D616E64  # "mand": what `file` and SQLite tools show

BUSY_SECONDS = 10.0
"""How long to wait for another process before giving up."""

TABLES = (
    # A random id, which the checksums of calls have in them: where somebody mixed two databases, or
    # put a journal beside the wrong one, rows of the other count for nothing.
    "CREATE TABLE store (id BLOB NOT NULL)",
    "INSERT INTO store VALUES (randomblob(8))",
    # Ids of 16 or 32 bytes are spelled out where something is named by them; inside, rows refer to
    # one another by integers. Names of codecs: each spelled once.
    "CREATE TABLE codecs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE ops (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)",
    # What ran. vid: the hash of the payload, which only the room above understands.
    """CREATE TABLE versions (
        id INTEGER PRIMARY KEY,
        vid BLOB NOT NULL UNIQUE,
        op INTEGER NOT NULL REFERENCES ops,
        payload BLOB NOT NULL,
        created REAL NOT NULL)""",
    # Values that are too large to lie in their calls. data NULL: in a file, size bytes long.
    """CREATE TABLE vals (
        id INTEGER PRIMARY KEY,
        cid BLOB NOT NULL UNIQUE,
        codec INTEGER NOT NULL REFERENCES codecs,
        size INTEGER,
        data BLOB)""",
    # One row per block and state of the repository, to keep the row of a call small.
    """CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        commit_id TEXT,
        dirty INTEGER NOT NULL,
        host TEXT NOT NULL,
        pid INTEGER NOT NULL,
        script TEXT NOT NULL,
        started REAL NOT NULL)""",
    # What many calls have in common, and what they add up to. names: of arguments and of outputs,
    # JSON. calls, seconds: of those that ran, not of aliases. Their rows lie between first and
    # last. Runs are never deleted: processes remember them.
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        op INTEGER NOT NULL REFERENCES ops,
        version INTEGER NOT NULL REFERENCES versions,
        session INTEGER REFERENCES sessions,
        names TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        seconds REAL NOT NULL)""",
    "CREATE INDEX runs_by_op ON runs (op, version, session)",
    # started: milliseconds since 1970. duration: microseconds. alias_of: a hit under other input
    # histories, with the outputs and the version of the call that really ran. key: hash of
    # the input contents, without the bytes with which hid begins as well. edges: see packing.py.
    """CREATE TABLE calls (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL REFERENCES runs,
        started INTEGER NOT NULL,
        duration INTEGER NOT NULL,
        alias_of INTEGER REFERENCES calls,
        hid BLOB NOT NULL,
        key BLOB NOT NULL,
        edges BLOB NOT NULL)""",
    # Four bytes of each hash by which a call may be looked for: its key, its history id, what it
    # was given, what it returned. Whoever finds a call here compares the whole hash.
    """CREATE TABLE marks (
        mark BLOB NOT NULL, call INTEGER NOT NULL, PRIMARY KEY (mark, call)) WITHOUT ROWID""",
    # Texts that ran, on their way to the store in git; drained once they are there.
    """CREATE TABLE outbox (
        text_id BLOB PRIMARY KEY,
        body BLOB NOT NULL,
        drained INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
    "CREATE INDEX undrained ON outbox (drained) WHERE drained = 0",
    # Sorted text ids of a static closure, 32 bytes each.
    "CREATE TABLE contexts (id BLOB PRIMARY KEY, texts BLOB NOT NULL) WITHOUT ROWID",
)


def _create(connection: sqlite3.Connection) -> None:
    for statement in TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


CONTAINERS = """CREATE TABLE containers (
    id INTEGER PRIMARY KEY,
    hid BLOB NOT NULL UNIQUE,
    elements BLOB NOT NULL)"""
"""Containers that calls were given and that no call returned: the history ids of their elements,
one after another, and a checksum. hid: the history id of the container, a hash of these."""


def _add_containers(connection: sqlite3.Connection) -> None:
    connection.execute(CONTAINERS)


FIRST = 2
"""The schema of a new database, and the oldest one that is read: 1 was never released."""

MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_create, _add_containers)
"""The first makes a database, each later one brings it to the next schema; each in one
transaction that records it."""

SCHEMA = FIRST + len(MIGRATIONS) - 1


def open_database(
    path: Path | None, *, busy_seconds: float = BUSY_SECONDS, notes: list[str] | None = None
) -> sqlite3.Connection:
    """Open a database, made or brought up to date as needed.

    Args:
        path: the file; its folder is made where missing. None: in memory.
        busy_seconds: how long to wait for other processes.
        notes: gets a sentence for the user where something is not as usual.

    Returns:
        A connection in autocommit mode that any thread may use, one at a time.

    Raises:
        NewerSchema: the file was written by a newer version; it is left untouched.
        Unwritable: it may be there to be read, but cannot be written.
        ResultsError: it cannot be read, or stays locked.
    """
    if path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _migrate(connection, ":memory:")
        return connection
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        refuse_unknown(_version_in_header(path), path)
    except OSError as error:
        kind = Unwritable if error.errno in _REFUSED else ResultsError
        raise kind(
            f"cannot use the results folder {path.parent}: {error.strerror or error}",
            hint=_ELSEWHERE,
        ) from error
    if path.exists() and not os.access(path, os.W_OK):
        # SQLite would open it, and refuse the first write.
        raise Unwritable(f"{path} may only be read", hint=_ELSEWHERE)
    opened: sqlite3.Connection | None = None
    try:
        connection = opened = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        refuse_unknown(version, path)
        _set_journal(connection, path, busy_seconds, notes, new=version == 0)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA mmap_size = 268435456")  # reads without a copy: bytes
        connection.execute("PRAGMA cache_size = -32768")  # KiB, so that an index stays at hand
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages
        if version < SCHEMA:
            _migrate(connection, str(path))
    except sqlite3.Error as error:
        if opened is not None:
            opened.close()
        raise explained(error, path, busy_seconds) from error
    except ResultsError:
        if opened is not None:
            opened.close()
        raise
    return connection


def explained(
    error: sqlite3.Error, path: Path | None, busy_seconds: float = BUSY_SECONDS
) -> ResultsError:
    """Return the error that tells a user what an SQLite error means here."""
    where = "the results in memory" if path is None else str(path)
    name = getattr(error, "sqlite_errorname", "") or ""
    if _is_busy(error):
        return ResultsError(
            f"{where} is locked by another process (waited {busy_seconds:g} s)",
            hint="Wait for that process or end it, then try again; nothing is lost.",
        )
    if name.startswith("SQLITE_FULL"):
        return Unwritable(f"no room left to write {where}", hint="Make room: df -h")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return Unwritable(f"cannot open {where} for writing: {error}", hint=_ELSEWHERE)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return damaged(path, error)
    if name.startswith("SQLITE_IOERR"):
        return Unwritable(
            f"the system cannot read or write {where}: {error} ({name})",
            hint="Look after the disk: df -h, dmesg",
        )
    return ResultsError(f"{where}: {error}")


_REFUSED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT))

_ELSEWHERE = (
    "Make the folder and what is in it writable, or choose another one: "
    "git config mandala.resultsDir FOLDER"
)


def _version_in_header(path: Path) -> int:
    """Read `user_version` (bytes 60 to 63) without opening, hence touching, the database."""
    try:
        with path.open("rb") as file:
            header = file.read(64)
    except FileNotFoundError:
        return 0
    if len(header) < 64 or not header.startswith(b"SQLite format 3\0"):
        return 0  # empty, or no database at all, which SQLite will say
    return int.from_bytes(header[60:64], "big")


def refuse_unknown(version: int, path: Path | None) -> None:
    """Refuse a database with a schema that is not known here.

    Raises:
        NewerSchema: it has a newer one.
        ResultsError: it has one from before the first release.
    """
    if 0 < version < FIRST:
        raise unreadable(
            path, f"{path} was written before the first release of mandala-git (schema {version})"
        )
    if version > SCHEMA:
        raise NewerSchema(
            f"{path} was written by a newer version of mandala-git "
            f"(schema {version}, this one knows {SCHEMA})",
            hint="Upgrade this installation: pip install --upgrade mandala-git",
        )


def _set_journal(
    connection: sqlite3.Connection,
    path: Path,
    busy_seconds: float,
    notes: list[str] | None,
    *,
    new: bool,
) -> None:
    network = network_type(path.parent)
    wanted = "delete" if network else "wal"
    if network and notes is not None and (new or _mode(connection) != wanted):
        notes.append(
            f"{path.parent} is on a network file system ({network}): results are written with a "
            "rollback journal, which is slower; `git config mandala.resultsDir` moves them"
        )
    # A change of mode needs the file alone, and SQLite does not wait for that by itself.
    deadline = time.monotonic() + busy_seconds
    while _mode(connection) != wanted:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            break


def _is_busy(error: sqlite3.Error) -> bool:
    name = getattr(error, "sqlite_errorname", "") or ""
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def _migrate(connection: sqlite3.Connection, name: str) -> None:
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version >= SCHEMA:  # another process was faster
                connection.execute("COMMIT")
                refuse_unknown(version, Path(name))
                return
            step = version - FIRST + 1 if version else 0
            MIGRATIONS[step](connection)
            connection.execute(f"PRAGMA user_version = {FIRST + step}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
