"""The results of a repository: calls are recorded, looked up and read here."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mandala_git.errors import ResultsError, UnstorableValue, ValueLost
from mandala_git.results import codecs, lifetime, reading
from mandala_git.results.atoms import ATOMS
from mandala_git.results.buffer import Buffer, StoredValue
from mandala_git.results.calls import (
    MISSING,
    CallRecord,
    CallRow,
    Edge,
    NewCall,
    Session,
    Version,
)
from mandala_git.results.database import BUSY_SECONDS, explained, open_database
from mandala_git.results.values import ValueFiles

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

INLINE = 16 * 1024
"""Bytes up to which a value lives in the database: there it is faster than in a file."""

LONG = 1e-3
"""A call that took more seconds than this is on disk before `record` returns."""

PATIENCE = 0.05
"""Seconds that a shorter call may wait in memory, so that many share one transaction."""

CROWD, WEIGHT = 4096, 16 << 20
"""Calls, and bytes of their values, that may wait at most."""

_CANDIDATES = f"SELECT {reading.CALL_COLUMNS} FROM calls c WHERE c.key = ? ORDER BY c.id"


class Results:
    """An open store of results: a database, a folder of large values, and calls that wait.

    Any thread may use it; many processes may have the same folder open. A forked child gets
    a connection of its own and leaves the calls that wait to its parent.

    Args:
        folder: where `results.db` and `values/` live; made where missing. None: in memory,
            large values in a temporary folder.
        busy_seconds: how long to wait for another process that writes.
        fsync: wait until the disk has each large value (a power failure, not a killed
            process, may otherwise cost one).

    Attributes:
        notes: sentences for the user about what is not as usual here.

    Raises:
        NewerSchema: a newer version wrote the database; nothing was touched.
        ResultsError: the folder cannot be used.
    """

    def __init__(
        self, folder: Path | None, *, busy_seconds: float = BUSY_SECONDS, fsync: bool = False
    ) -> None:
        self.folder = folder
        self.path = None if folder is None else folder / "results.db"
        self.notes: list[str] = []
        self.lock = threading.RLock()
        self._busy = busy_seconds
        self._fsync = fsync
        self._temporary: TemporaryDirectory[str] | None = None
        self._files = None if folder is None else ValueFiles(folder / "values", fsync=fsync)
        self._closed = False
        self._buffer = Buffer()
        self._timer: lifetime.Timer | None = None
        self._labels: dict[str, int] = {}
        self._codecs: dict[int, str] = {}
        self._database: sqlite3.Connection | None = open_database(
            self.path, busy_seconds=busy_seconds, notes=self.notes
        )
        lifetime.watch(self)

    # Ops, versions, sessions, texts: rare, each in a transaction of its own ------------------

    def op_id(self, key: str) -> int:
        """Return the row of an op, made if new."""
        return self._interned("ops", "key", key)

    def ops(self) -> list[tuple[int, str]]:
        """Return (row, key) of every op."""
        with self._using() as database:
            return list(database.execute("SELECT id, key FROM ops ORDER BY id"))

    def version_id(
        self, vid: bytes, op: str, payload: bytes, texts: Mapping[bytes, bytes] | None = None
    ) -> int:
        """Return the row of a version, made if new together with the texts that it cites.

        Its texts are on disk before any call of it can be: a version without calls is
        possible after a crash, a call without its version or texts is not.

        Args:
            vid: id of the version, 32 bytes.
            op: key of the op.
            payload: what the room above makes of it.
            texts: {text id: body} for the outbox.
        """
        known = self.version_by_vid(vid)
        if known is not None:
            return known.id
        op_row = self.op_id(op)
        with self._transaction() as database:
            database.executemany(
                "INSERT OR IGNORE INTO outbox (text_id, body) VALUES (?, ?)",
                list((texts or {}).items()),
            )
            database.execute(
                "INSERT OR IGNORE INTO versions (vid, op, payload, created) VALUES (?, ?, ?, ?)",
                (vid, op_row, payload, time.time()),
            )
            row = database.execute("SELECT id FROM versions WHERE vid = ?", (vid,)).fetchone()
        return int(row[0])

    def versions_of(self, op: int) -> list[Version]:
        """Return the recorded versions of an op, oldest first."""
        return self._versions("op = ? ORDER BY id", op)

    def version(self, version: int) -> Version | None:
        """Return a version by its row."""
        return next(iter(self._versions("id = ?", version)), None)

    def version_by_vid(self, vid: bytes) -> Version | None:
        """Return a version by its id."""
        return next(iter(self._versions("vid = ?", vid)), None)

    def session_id(self, session: Session) -> int:
        """Record a session; return its row."""
        with self._transaction() as database:
            cursor = database.execute(
                """INSERT INTO sessions (commit_id, dirty, host, pid, script, started)
                   VALUES (?, ?, ?, ?, ?, ?)""",
                (
                    session.commit_id,
                    int(session.dirty),
                    session.host,
                    session.pid,
                    session.script,
                    session.started,
                ),
            )
        return int(cursor.lastrowid or 0)

    def sessions(self, ids: Iterable[int]) -> dict[int, Session]:
        """Return sessions by row."""
        with self._using() as database:
            return reading.sessions(database, ids)

    def outbox_texts(self, ids: Iterable[bytes] | None = None) -> dict[bytes, bytes]:
        """Return texts by id: those asked for that are known here, or all not yet drained."""
        with self._using() as database:
            return reading.texts(database, ids)

    def mark_drained(self, ids: Iterable[bytes]) -> None:
        """Note that texts have reached the store in git; they stay readable here."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE outbox SET drained = 1 WHERE text_id = ?", [(text,) for text in ids]
            )

    def put_context(self, context: bytes, texts: bytes) -> None:
        """Keep a context: the sorted text ids of a static closure, 32 bytes each."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO contexts VALUES (?, ?)", (context, texts))

    def context(self, context: bytes) -> bytes | None:
        """Return the text ids of a context, None where it is not known."""
        with self._using() as database:
            row = database.execute("SELECT texts FROM contexts WHERE id = ?", (context,)).fetchone()
        return None if row is None else bytes(row[0])

    # Calls ----------------------------------------------------------------------------------

    def record(self, call: NewCall) -> None:
        """Record a finished call; one that took more than 1 ms is on disk on return.

        A call whose history id is known already changes nothing, except that values of it
        which were lost are stored again.

        Args:
            call: the call. Inputs that cannot be stored are kept by their ids alone.

        Raises:
            UnstorableValue: an output cannot be stored; the call is not recorded.
            ResultsError: the database or the disk refuses; the call still waits in memory.
        """
        with self.lock:
            for name, _, content, value in call.outputs:
                self._keep(content, value, "output", name)
            for name, _, content, value in call.inputs:
                try:
                    self._keep(content, value, "argument", name)
                except UnstorableValue:
                    self._keep(content, MISSING, "argument", name)
            buffer, now = self._buffer, time.monotonic()
            first = not buffer
            if first:
                buffer.since = now
            buffer.add_call(call, self._label)
            if (
                call.duration > LONG
                or now - buffer.since > PATIENCE
                or len(buffer) >= CROWD
                or buffer.size >= WEIGHT
            ):
                self.flush()
            elif first:
                self._let_wait()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            ResultsError: the database refuses; everything still waits.
        """
        with self.lock:
            if self._buffer:
                with self._using(flushed=False) as database:
                    self._buffer.write(database)
                self._buffer = Buffer()

    def candidates(self, op_ids: Collection[int], key: bytes) -> list[CallRow]:
        """Return the calls of some ops with given inputs, newest last.

        Args:
            op_ids: rows of the ops.
            key: `ids.lookup_key` of the inputs.
        """
        with self._using(flushed=key in self._buffer.keys) as database:
            rows = database.execute(_CANDIDATES, (key,)).fetchall()
        return [CallRow._make(row) for row in rows if row[2] in op_ids] if rows else []

    def call(self, hid: bytes) -> CallRow | None:
        """Return a call by its history id."""
        with self._using() as database:
            row = database.execute(
                f"SELECT {reading.CALL_COLUMNS} FROM calls c WHERE c.hid = ?", (hid,)
            ).fetchone()
        return None if row is None else CallRow._make(row)

    def inputs(self, call: int) -> list[Edge]:
        """Return the input refs of a call."""
        with self._using(flushed=False) as database:
            return reading.edges_of(database, "call_inputs", call)

    def outputs(self, call: int) -> list[Edge]:
        """Return the output refs of a call."""
        with self._using(flushed=False) as database:
            return reading.edges_of(database, "call_outputs", call)

    def calls_of(self, op_ids: Iterable[int]) -> list[CallRecord]:
        """Return all calls of some ops with their edges, oldest first."""
        with self._using() as database:
            return reading.records(database, ops=op_ids)

    def calls(self, ids: Iterable[int]) -> list[CallRecord]:
        """Return calls by row with their edges, oldest first."""
        with self._using() as database:
            return reading.records(database, ids=list(ids))

    def stats(self, op_ids: Iterable[int] | None = None) -> dict[int, tuple[int, float]]:
        """Return {version: (calls, seconds)} of the calls that ran, of some ops or of all."""
        with self._using() as database:
            return reading.stats(database, op_ids)

    def creators(self, hids: Iterable[bytes]) -> dict[bytes, list[tuple[int, str]]]:
        """Return the calls that made each ref: {history id: [(call, output)]}."""
        with self._using() as database:
            return reading.touching(database, "call_outputs", hids)

    def consumers(self, hids: Iterable[bytes]) -> dict[bytes, list[tuple[int, str]]]:
        """Return the calls that took each ref: {history id: [(call, argument)]}."""
        with self._using() as database:
            return reading.touching(database, "call_inputs", hids)

    def generation(self) -> tuple[int, int]:
        """Return a number that changes with others' writes, and one that changes with ours."""
        with self._using(flushed=False) as database:
            others = database.execute("PRAGMA data_version").fetchone()[0]
            return int(others), database.total_changes

    # Values ---------------------------------------------------------------------------------

    def has_value(self, content: bytes) -> bool:
        """Say whether the value of a content id is stored."""
        with self.lock:
            return self._buffer.has_value(content) or self._stored(content) is True

    def load(self, content: bytes) -> Any:
        """Return the value of a content id.

        Raises:
            ValueLost: it is not stored, or what is stored is damaged.
        """
        with self._using(flushed=self._buffer.has_value(content)) as database:
            row = database.execute(
                "SELECT codec, data FROM vals WHERE cid = ?", (content,)
            ).fetchone()
            codec = None if row is None or row[0] is None else self._codec(row[0])
        if codec is None:
            raise ValueLost(
                f"the value {content.hex()} is not stored",
                hint="Run the call that made it again, with its inputs at hand.",
            )
        if row[1] is not None:
            return codecs.decode(codec, row[1])
        return self._value_files().read(content, codec)

    def _keep(self, content: bytes, value: Any, kind: str, name: str) -> None:
        """Let a value wait to be stored, unless it is stored already."""
        buffer = self._buffer
        if type(value) in ATOMS:
            data = codecs.encode_atom(value)
            if len(data) <= INLINE:
                buffer.add_value((content, self._label(codecs.PICKLE), None, data))
                return
        stored = None if value is MISSING else self._stored(content)
        if value is MISSING or stored or buffer.has_value(content):
            # The id alone: no more than a row to refer to, should another process have
            # removed the value by the time that this is written.
            buffer.add_value((content, None, None, None))
            return
        encoded = codecs.encode(value, f"{kind} {name!r}")
        codec = self._label(encoded.codec)
        if encoded.data is not None and len(encoded.data) <= INLINE:
            row: StoredValue = (content, codec, None, encoded.data)
        else:
            row = (content, codec, self._value_files().write(content, encoded), None)
        # A row whose file is gone says more than is true and has to be put right.
        buffer.add_value(row, repair=stored is False)

    def _stored(self, content: bytes) -> bool | None:
        """Say whether a value is stored: True, None for no; False for a row without its file."""
        with self._using(flushed=False) as database:
            row = database.execute(
                "SELECT codec, data IS NULL FROM vals WHERE cid = ?", (content,)
            ).fetchone()
            if row is None or row[0] is None:
                return None
            return not row[1] or self._value_files().exists(content, self._codec(row[0]))

    def _value_files(self) -> ValueFiles:
        if self._files is None:
            from tempfile import TemporaryDirectory

            self._temporary = TemporaryDirectory(prefix="mandala-values-")
            self._files = ValueFiles(Path(self._temporary.name), fsync=False)
        return self._files

    # The connection -------------------------------------------------------------------------

    def close(self) -> None:
        """Write what waits and close the database; closing twice is fine."""
        with self.lock:
            if self._closed:
                return
            try:
                self.flush()
            finally:
                self._closed = True
                if self._database is not None:
                    with suppress(sqlite3.Error):
                        self._database.close()
                    self._database = None
                if self._temporary is not None:
                    self._temporary.cleanup()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def renew_after_fork(self) -> None:
        """Start afresh in a forked child: what waits is the parent's to write."""
        self.lock = threading.RLock()
        self._buffer = Buffer()
        self._timer = None
        if self._temporary is not None:
            # The parent's to remove; the child may still read what is there.
            self._temporary._finalizer.detach()  # type: ignore[attr-defined]
            self._temporary = None
        if self.path is not None and self._database is not None:
            lifetime.abandon(self._database)
            self._database = None

    @contextmanager
    def _using(self, *, flushed: bool = True) -> Iterator[sqlite3.Connection]:
        """Hold the lock and lend the connection; SQLite's errors become ours."""
        with self.lock:
            if self._closed:
                raise ResultsError(
                    "these results are closed", hint="Open them again with Results(folder)."
                )
            if flushed and self._buffer:
                self.flush()
            if self._database is None:
                self._database = open_database(self.path, busy_seconds=self._busy)
            try:
                yield self._database
            except sqlite3.Error as error:
                raise explained(error, self.path, self._busy) from error

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

    def _let_wait(self) -> None:
        if not self._timer:
            lifetime.flush_at_exit_of_this_process()
            self._timer = lifetime.Timer(self, PATIENCE)
        self._timer.start()

    def _versions(self, where: str, value: int | bytes) -> list[Version]:
        with self._using(flushed=False) as database:
            rows = database.execute(
                f"SELECT id, vid, op, payload, created FROM versions WHERE {where}", (value,)
            ).fetchall()
        return [Version(*row) for row in rows]

    def _interned(self, table: str, column: str, value: str) -> int:
        """Return the row of a unique text, made if new."""
        query = f"SELECT id FROM {table} WHERE {column} = ?"
        with self._using(flushed=False) as database:
            row = database.execute(query, (value,)).fetchone()
        if row is None:
            with self._transaction() as database:
                database.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (value,))
                row = database.execute(query, (value,)).fetchone()
        return int(row[0])

    def _label(self, name: str) -> int:
        label = self._labels.get(name)
        if label is None:
            label = self._labels[name] = self._interned("labels", "name", name)
        return label

    def _codec(self, label: int) -> str:
        name = self._codecs.get(label)
        if name is None:
            with self._using(flushed=False) as database:
                row = database.execute("SELECT name FROM labels WHERE id = ?", (label,)).fetchone()
            name = self._codecs[label] = str(row[0])
        return name
