"""The index: what has been derived from sources once, by their blob ids, in one SQLite file.

It holds nothing that cannot be derived again. A damaged file is deleted and begun anew, a
folder that cannot be written gives an index in memory, a write that would have to wait too
long is left out. So no caller ever has to handle an error of the index.
"""

from __future__ import annotations

import atexit
import marshal
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from blake3 import blake3

from mandala_git.config import NO_RULES, Rules
from mandala_git.source.definitions import (
    SCHEME,
    Definition,
    FileFacts,
    pack_definition,
    unpack,
    unpack_definition,
)

if TYPE_CHECKING:
    from mandala_git.source.rows import Rows

T = TypeVar("T")

_inherited: list[sqlite3.Connection] = []
_open: weakref.WeakSet[Index] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Close what a program has not: from Python 3.13 on it would hear of it at its end."""
    for index in list(_open):
        index.close()


FORMAT = 6
"""Layout of the tables and of what is packed in them; another number begins a new file."""

RACY = 2_000_000_000  # ns: a file that was written this recently may change unseen
BUSY = 2.0  # s
_CHUNK = 400  # parameters of one query: SQLite allows at least 999

_SCHEMA = (
    # Definitions of one content of one file, packed (definitions.py). `space` separates
    # schemes and settings, which change what is derived from the same bytes.
    """CREATE TABLE files (
        space BLOB NOT NULL, path TEXT NOT NULL, blob TEXT NOT NULL, facts BLOB NOT NULL,
        PRIMARY KEY (space, path, blob)) WITHOUT ROWID""",
    # Which of these files define a method of a name.
    """CREATE TABLE methods (
        space BLOB NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, blob TEXT NOT NULL,
        PRIMARY KEY (space, name, path, blob)) WITHOUT ROWID""",
    # Lasting texts; they are the same under every scheme.
    "CREATE TABLE texts (id BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID",
    # The same by their texts: recorded versions cite texts, not files.
    """CREATE TABLE definitions (
        space BLOB NOT NULL, id BLOB NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (space, id)) WITHOUT ROWID""",
    # Hashes of the code objects of a file, for one Python version and optimization level.
    """CREATE TABLE codes (
        python TEXT NOT NULL, path TEXT NOT NULL, blob TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (python, path, blob)) WITHOUT ROWID""",
    # The blob id of a file of the work tree, as long as its stat stays the same.
    "CREATE TABLE blobs (path TEXT PRIMARY KEY, stat BLOB NOT NULL, blob TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE memos (space BLOB NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (space, name)) WITHOUT ROWID",
)


class Index:
    """A cache of everything derived from sources.

    Args:
        file: the SQLite file; None for an index in memory.
        rules: those under which facts are derived.
        scheme: the normal form under which they are derived.
        wal: whether processes may share memory beside the file, as a local one's can.
    """

    def __init__(
        self,
        file: Path | str | None,
        *,
        rules: Rules = NO_RULES,
        scheme: str = SCHEME,
        wal: bool = True,
    ) -> None:
        self.file = None if file is None else Path(file)
        self._journal = "WAL" if wal else "DELETE"
        settings = "\0".join((scheme, rules.spelled()))
        self.space = blake3(settings.encode("utf-8", "surrogatepass")).digest(length=8)
        self.python = f"{sys.implementation.cache_tag}.{sys.flags.optimize}"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._batches = 0

    # --- files -----------------------------------------------------------------------

    def facts(self, path: str, blob: str) -> FileFacts | None:
        """Return what a content of a file defines, None when it is not known."""
        query = "SELECT facts FROM files WHERE space = ? AND path = ? AND blob = ?"
        row = self._row(query, (self.space, path, blob))
        return None if row is None else self._unpacked(unpack, row[0])

    def facts_many(self, entries: Mapping[str, str]) -> dict[str, FileFacts]:
        """Return the facts of all files that are known, by path.

        Args:
            entries: blob id by path.
        """
        found: dict[str, FileFacts] = {}
        for name, blob, data in self._files(entries, "path, blob, facts"):
            path = _path(name)
            if entries.get(path) == blob:
                facts = self._unpacked(unpack, data)
                if facts is not None:
                    found[path] = facts
        return found

    def known(self, entries: Mapping[str, str]) -> set[str]:
        """Return the paths whose content is known.

        Args:
            entries: blob id by path.
        """
        rows = [(_path(name), blob) for name, blob in self._files(entries, "path, blob")]
        return {path for path, blob in rows if entries.get(path) == blob}

    def _files(self, entries: Iterable[str], columns: str) -> Iterator[tuple[str, ...]]:
        return self._by_path(
            f"SELECT {columns} FROM files WHERE space = ? AND", entries, self.space
        )

    def _by_path(
        self, query: str, paths: Iterable[str], *before: object
    ) -> Iterator[tuple[str, ...]]:
        """Ask for rows of many paths.

        Args:
            query: up to the condition on the path.
            paths: all of them.
            before: the parameters of the query.
        """
        waiting = list(paths)
        for start in range(0, len(waiting), _CHUNK):
            some = waiting[start : start + _CHUNK]
            marks = ",".join("?" * len(some))
            yield from self._rows(f"{query} path IN ({marks})", (*before, *some))

    def methods(self, name: str) -> list[tuple[str, str]]:
        """Return (path, blob) of all known contents that define a method of this name."""
        query = "SELECT path, blob FROM methods WHERE space = ? AND name = ?"
        return [(_path(path), blob) for path, blob in self._rows(query, (self.space, name))]

    @overload
    def put(self, name: str, value: bytes) -> None: ...
    @overload
    def put(self, name: str, value: str, facts: FileFacts, texts: Mapping[str, bytes]) -> None: ...
    def put(
        self,
        name: str,
        value: str | bytes,
        facts: FileFacts | None = None,
        texts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Keep the facts and texts of a file (path, blob id), or a small memo (name, bytes)."""
        if isinstance(value, bytes):
            query = "INSERT OR REPLACE INTO memos VALUES (?, ?, ?)"
            self._write([(query, [(self.space, name, value)])])
            return
        if facts is None:
            raise TypeError("the facts of a file are missing")
        from mandala_git.source.rows import file_rows

        self.write(file_rows(self.space, name, value, facts, texts or {}))

    def write(self, rows: Rows) -> None:
        """Keep rows of files, in one transaction."""
        self._write(
            [
                ("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows.files),
                ("INSERT OR IGNORE INTO methods VALUES (?, ?, ?, ?)", rows.methods),
                ("INSERT OR IGNORE INTO texts VALUES (?, ?)", rows.texts),
                ("INSERT OR IGNORE INTO definitions VALUES (?, ?, ?)", rows.definitions),
            ]
        )

    def get(self, name: str) -> bytes | None:
        """Return a small memo, None when there is none."""
        query = "SELECT data FROM memos WHERE space = ? AND name = ?"
        row = self._row(query, (self.space, name))
        return None if row is None else bytes(row[0])

    # --- texts -----------------------------------------------------------------------

    def text(self, text_id: str) -> bytes | None:
        """Return a lasting text, None when it is not here."""
        row = self._row("SELECT data FROM texts WHERE id = ?", (bytes.fromhex(text_id),))
        return None if row is None else bytes(row[0])

    def definition(self, text_id: str) -> Definition | None:
        """Return the definition that was derived from a text, None when it was not yet."""
        query = "SELECT data FROM definitions WHERE space = ? AND id = ?"
        row = self._row(query, (self.space, bytes.fromhex(text_id)))
        return None if row is None else self._unpacked(unpack_definition, row[0])

    def put_definition(self, text_id: str, definition: Definition) -> None:
        """Keep a definition that was derived from a text."""
        query = "INSERT OR REPLACE INTO definitions VALUES (?, ?, ?)"
        row = (self.space, bytes.fromhex(text_id), pack_definition(definition))
        self._write([(query, [row])])

    # --- code objects and stats -----------------------------------------------------------

    def codes(self, path: str, blob: str) -> dict[tuple[str, int], bytes] | None:
        """Return the code hashes of a file for this Python, None when they are not known."""
        query = "SELECT data FROM codes WHERE python = ? AND path = ? AND blob = ?"
        row = self._row(query, (self.python, path, blob))
        return None if row is None else self._unpacked(_unpack_codes, row[0])

    def put_codes(self, path: str, blob: str, codes: Mapping[tuple[str, int], bytes]) -> None:
        """Keep the code hashes of a file (`codes.file_codes`) for this Python."""
        data = marshal.dumps([(name, line, hash) for (name, line), hash in codes.items()])
        query = "INSERT OR REPLACE INTO codes VALUES (?, ?, ?, ?)"
        self._write([(query, [(self.python, path, blob, data)])])

    def blob_of(self, path: str, stat: tuple[int, ...]) -> str | None:
        """Return the blob id of a file whose stat is as it was when it was remembered.

        Args:
            stat: mtime in ns, ctime in ns, size, inode.
        """
        row = self._row("SELECT stat, blob FROM blobs WHERE path = ?", (path,))
        return str(row[1]) if row is not None and row[0] == _stamp(stat) else None

    def blobs_of(self, stats: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        """Return the blob ids of the files whose stats are as they were; see `blob_of`."""
        found: dict[str, str] = {}
        for name, stamp, blob in self._by_path("SELECT path, stat, blob FROM blobs WHERE", stats):
            path = _path(name)
            if stamp == _stamp(stats[path]):  # type: ignore[comparison-overlap]
                found[path] = blob
        return found

    def remember_blob(self, path: str, stat: tuple[int, ...], blob: str) -> None:
        """Remember the blob id of a file, unless it was written so recently that a later
        write might leave the same stat."""
        self.remember_blobs({path: (stat, blob)})

    def remember_blobs(self, blobs: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        """Remember the blob ids of files; see `remember_blob`."""
        latest = time.time_ns() - RACY
        rows = [
            (path, _stamp(stat), blob)
            for path, (stat, blob) in blobs.items()
            if max(stat[0], stat[1]) <= latest
        ]
        if rows:
            self._write([("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)", rows)])

    # --- the database -----------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Write everything inside the block in one transaction."""
        with self._lock:
            self._batches += 1
            if self._batches == 1:
                self._run(lambda db: db.execute("BEGIN"))
            try:
                yield
            finally:
                self._batches -= 1
                if self._batches == 0:
                    self._run(lambda db: db.commit())

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        with self._lock:
            if self._connection is not None:
                if self._process == os.getpid():
                    self._connection.close()
                else:
                    _inherited.append(self._connection)
            self._connection = None

    def __del__(self) -> None:
        with suppress(AttributeError, sqlite3.Error):  # half made, or already closed
            self.close()

    def _row(self, query: str, parameters: tuple[object, ...]) -> tuple[bytes, ...] | None:
        rows = self._rows(query, parameters)
        return rows[0] if rows else None  # type: ignore[return-value]

    def _rows(self, query: str, parameters: tuple[object, ...]) -> list[tuple[str, ...]]:
        def read(db: sqlite3.Connection) -> list[tuple[str, ...]]:
            try:
                return db.execute(query, parameters).fetchall()
            except UnicodeEncodeError:
                return db.execute(query, _bindable(parameters)).fetchall()

        return self._run(read) or []

    def _write(self, statements: Iterable[tuple[str, Sequence[tuple[object, ...]]]]) -> None:
        def write(db: sqlite3.Connection) -> None:
            if self._batches == 0:
                db.execute("BEGIN IMMEDIATE")
            elif not db.in_transaction:  # the file was begun anew inside a batch
                db.execute("BEGIN")
            for query, rows in statements:
                try:
                    db.executemany(query, rows)
                except UnicodeEncodeError:
                    db.executemany(query, map(_bindable, rows))
            if self._batches == 0:
                db.commit()

        self._run(write)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something with the database; None when it cannot be done."""
        with self._lock:
            for _ in range(2):
                try:
                    return work(self._open())
                except sqlite3.OperationalError as error:
                    self._rollback()
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                        return None
                    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
                                sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):  # fmt: skip
                        self._replace(None)
                    else:  # not our tables
                        self._discard()
                except sqlite3.DatabaseError:
                    self._discard()
                except BaseException:  # Ctrl-C must not leave a transaction open
                    self._rollback()
                    raise
            return None

    def _rollback(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.rollback()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self._process == os.getpid():
                return self._connection
            # SQLite connections do not survive a fork, and must not be closed after it.
            _inherited.append(self._connection)
        connection = sqlite3.connect(
            ":memory:" if self.file is None else self.file,
            timeout=BUSY,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection, self._process = connection, os.getpid()
        _open.add(self)
        if self.file is not None:
            connection.execute(f"PRAGMA journal_mode = {self._journal}")
            connection.execute("PRAGMA synchronous = NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            self._create(connection)
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        """Create the tables; tables of another version are dropped."""
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            for (name,) in connection.execute(query).fetchall():
                quoted = name.replace('"', '""')
                connection.execute(f'DROP TABLE "{quoted}"')
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.commit()

    def _discard(self) -> None:
        """Delete a damaged file; the next try begins a new one."""
        file = self.file
        self._replace(file)
        if file is None:
            return
        try:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)
        except OSError:
            self.file = None

    def _replace(self, file: Path | None) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection, self.file = None, file

    def _unpacked(self, read: Callable[[bytes], T], data: object) -> T | None:
        """Unpack a value; one that cannot be read was not known."""
        try:
            return read(bytes(data))  # type: ignore[call-overload]
        except (ValueError, TypeError, EOFError, IndexError):
            return None


def _bindable(row: tuple[object, ...]) -> tuple[object, ...]:
    """Replace paths that are not UTF-8, which SQLite refuses as text, by their bytes."""
    return tuple(
        value.encode("utf-8", "surrogatepass")
        if isinstance(value, str) and not _is_text(value)
        else value
        for value in row
    )


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _path(value: str | bytes) -> str:
    """Return a path as it was before `_bindable`."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def _stamp(stat: tuple[int, ...]) -> bytes:
    """Spell a stat. Since its version 3, marshal spells equal numbers by who else holds them."""
    return marshal.dumps(stat, 2)


def _unpack_codes(data: bytes) -> dict[tuple[str, int], bytes]:
    return {(name, line): hash for name, line, hash in marshal.loads(data)}


@cache
def in_memory(rules: Rules) -> Index:
    """Return the index in memory that all storages without a folder share: each file is read once."""
    return Index(None, rules=rules)
