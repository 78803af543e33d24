"""The results of a repository: calls are recorded, looked up and read here."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mandala_git.errors import NewerSchema, ResultsError, UnstorableValue, ValueLost
from mandala_git.results import codecs, lifetime, reading
from mandala_git.results.buffer import Buffer, StoredValue
from mandala_git.results.calls import (
    MISSING,
    CallRecord,
    CallRow,
    Candidate,
    Edge,
    NewCall,
)
from mandala_git.results.database import BUSY_SECONDS, explained, refuse_newer
from mandala_git.results.ids import cid
from mandala_git.results.presence import damaged
from mandala_git.results.register import Register
from mandala_git.results.values import ValueFiles, sealed, unsealed

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

SEALED = "+seal"
"""What follows the name of a codec where a value in the database has a checksum at its end."""

# A lookup is one query: the calls with given inputs, a row for each output.
_LOOKUP = """
    SELECT c.op, c.id, c.hid, c.version, c.alias_of, l.name, r.id, r.hid, v.cid,
        v.codec IS NOT NULL AND v.data IS NOT NULL
    FROM calls c
    LEFT JOIN call_outputs e ON e.call = c.id LEFT JOIN labels l ON l.id = e.label
    LEFT JOIN refs r ON r.id = e.ref LEFT JOIN vals v ON v.id = r.val
    WHERE c.key = ? ORDER BY c.id, e.label"""


class Results(Register):
    """An open store of results: a database, a folder of large values, and calls that wait.

    Any thread may use it; many processes may have the same folder open. A forked child gets
    a connection of its own and leaves the calls that wait to its parent.

    Args:
        folder: where `results.db` and `values/` live; made where missing. None: in memory,
            large values in a temporary folder.
        busy_seconds: how long to wait for another process that writes.
        fsync: wait until the disk has each large value (a power failure, not a killed
            process, may otherwise cost one).
        compression: of large values that are written, `gzip` or `xz`; None: none.
        mapped: map large arrays when they are loaded.

    Attributes:
        notes: sentences for the user about what is not as usual here.
        refusal: why nothing can be recorded here; None where it can.
        recover: makes the value of a content id anew when what is stored of it is lost;
            raises the `ValueLost` that it is given when it cannot.

    Raises:
        NewerSchema: a newer version wrote the database; nothing was touched.
        ResultsError: the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        busy_seconds: float = BUSY_SECONDS,
        fsync: bool = False,
        compression: str | None = None,
        mapped: bool = True,
    ) -> None:
        self.folder = folder
        self._compression = compression
        self._mapped = mapped
        self._temporary: TemporaryDirectory[str] | None = None
        self._files: ValueFiles | None = None
        if folder is not None:
            self._files = ValueFiles(folder / "values", fsync=fsync, mapped=mapped)
        self._buffer = Buffer()
        self._timer: lifetime.Timer | None = None
        self._labels: dict[str, int] = {}
        self._codecs: dict[int, str] = {}
        self._stuck = False
        self._others = -1
        self._damaged: set[bytes] = set()
        self.recover: Callable[[bytes, ValueLost], Any] | None = None
        super().__init__(None if folder is None else folder / "results.db", busy_seconds)
        if self.in_memory:
            self._files = None
        lifetime.watch(self)

    # Calls ----------------------------------------------------------------------------------

    def record(self, call: NewCall) -> None:
        """Record a finished call; one that took more than 1 ms is on disk on return.

        A call whose history id is known already changes nothing, except that values of it
        which were lost are stored again.

        Args:
            call: the call. Inputs that cannot be stored are kept by their ids alone.

        Raises:
            UnstorableValue: an output cannot be stored; the call is not recorded.
            ResultsError: the database or the disk refuses; `waits` tells whether the call
                waits in memory for better times.
        """
        with self.lock:
            if self._stuck or self.refusal is not None:
                self._insist()
            alone = len(call.outputs) == 1
            for number, (_, _, content, value) in enumerate(call.outputs):
                self._keep(content, value, "result", None if alone else number)
            for name, _, content, value in call.inputs:
                try:
                    self._keep(content, value, "argument", name)
                except UnstorableValue:
                    self._keep(content, MISSING, "argument", name)
            self._open()
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
                self.flush(patient=True)
            elif first:
                self._let_wait()

    def flush(self, *, patient: bool = False) -> None:
        """Write what waits.

        Args:
            patient: do not try again yet after somebody else's lock was waited for in vain.

        Raises:
            ResultsError: the database refuses; everything still waits.
        """
        with self.lock:
            # After a close that could not write, there is nothing left to write to.
            if not self._buffer or self._closed:
                return
            if patient:
                self._have_patience()
            self._stuck, began = True, time.monotonic()
            try:
                self._check_place()
                self._buffer.write(self._open())
            except sqlite3.Error as error:
                failure = explained(error, self.path, self._busy)
                self._failed(failure, began)
                raise failure from error
            except ResultsError as error:
                self._failed(error, began)
                raise
            self._stuck, self._failure = False, None
            self._buffer = Buffer()

    def waits(self, hid: bytes) -> bool:
        """Say whether the call with a history id waits to be written."""
        return self._buffer.has_call(hid)

    @property
    def waiting(self) -> int:
        """How many calls wait to be written."""
        return len(self._buffer)

    def _insist(self) -> None:
        """See that another call may wait although the last ones could not be written.

        Raises:
            ResultsError: it may not.
        """
        if self.refusal is not None:
            raise type(self.refusal)(self.refusal.message, hint=self.refusal.hint)
        self._check_place()
        if len(self._buffer) >= CROWD or self._buffer.size >= WEIGHT:
            self.flush(patient=True)

    def candidates(self, op_ids: Collection[int], key: bytes) -> list[Candidate]:
        """Return the calls of some ops with given inputs, newest last, with their outputs.

        Args:
            op_ids: rows of the ops.
            key: `ids.lookup_key` of the inputs.
        """
        with self.lock:
            if key in self._buffer.keys:
                self.flush()
            try:
                rows = self._open().execute(_LOOKUP, (key,)).fetchall()
            except sqlite3.Error as error:
                raise explained(error, self.path, self._busy) from error
        found: list[Candidate] = []
        for op, id, call, version, alias_of, label, ref, hid, content, inline in rows:
            if op not in op_ids:
                continue
            if not found or found[-1].id != id:
                found.append(Candidate(id, call, version, alias_of, [], []))
            if label is not None:
                if content is None:
                    raise damaged(self.path, "a call has an output without a value")
                found[-1].outputs.append(Edge(label, ref, hid, content))
                found[-1].inline.append(bool(inline))
        return found

    def complete(self, candidate: Candidate) -> bool:
        """Say whether the values of all outputs of a call are stored."""
        if False not in candidate.inline and not self._damaged:
            return True
        return all(
            (inline and edge.cid not in self._damaged) or self.has_value(edge.cid)
            for edge, inline in zip(candidate.outputs, candidate.inline, strict=True)
        )

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

    def makers(self, content: bytes) -> list[int]:
        """Return the calls that returned a content, oldest first."""
        with self._using() as database:
            return reading.makers(database, content)

    def generation(self) -> tuple[int, int]:
        """Return a number that changes with others' writes, and one that changes with ours.

        Raises:
            NewerSchema: somebody else has brought the database to a schema that is not known
                here; from now on nothing is done with it.
        """
        with self._using(flushed=False) as database:
            others = database.execute("PRAGMA data_version").fetchone()[0]
            if others != self._others:
                try:
                    refuse_newer(database.execute("PRAGMA user_version").fetchone()[0], self.path)
                except NewerSchema:
                    self._disconnect()
                    raise
                self._others = others
            return int(others), database.total_changes

    # Values ---------------------------------------------------------------------------------

    def has_value(self, content: bytes) -> bool:
        """Say whether the value of a content id is stored."""
        with self.lock:
            if self._buffer.has_value(content):
                return True
            return content not in self._damaged and self._stored(content) is True

    def size(self, content: bytes) -> int | None:
        """Return how many bytes a value takes as it is stored, None where it is not."""
        query = "SELECT codec, length(data) FROM vals WHERE cid = ?"
        with self._using(flushed=self._buffer.has_value(content)) as database:
            row = database.execute(query, (content,)).fetchone()
            codec = None if row is None or row[0] is None else self._codec(row[0])
        if codec is None:
            return None
        return int(row[1]) if row[1] is not None else self._value_files().size(content, codec)

    def load(self, content: bytes, *, recover: bool = True) -> Any:
        """Return the value of a content id.

        Args:
            content: the content id.
            recover: have a lost value made anew where that is possible.

        Raises:
            ValueLost: it is not stored, or what is stored is damaged, and nobody could
                recover it.
        """
        try:
            return self._load(content)
        except ValueLost as lost:
            if self.recover is None or not recover:
                raise
            return self.recover(content, lost)

    def _load(self, content: bytes) -> Any:
        with self._using(flushed=False) as database:
            row = self._buffer.value(content)
            if row is None:
                row = database.execute(
                    "SELECT codec, data FROM vals WHERE cid = ?", (content,)
                ).fetchone()
            codec = None if row is None or row[0] is None else self._codec(row[0])
        if codec is None:
            raise ValueLost(
                f"the value {content.hex()} is not stored",
                hint="Run the call that made it again, with its inputs at hand.",
            )
        data: bytes | None = row[1]
        if data is None:
            return self._value_files().read(content, codec)
        if codec.endswith(SEALED):
            bare = unsealed(content, data)
            if bare is not None:
                return codecs.decode(codec.removesuffix(SEALED), bare)
        else:
            with suppress(ValueLost):
                # A value without parts is as quickly hashed as any checksum of it.
                value = codecs.decode(codec, data)
                if cid(value) == content:
                    return value
        self._damaged.add(content)
        raise ValueLost(
            f"the value {content.hex()} in {self.path} is damaged: its checksum does not match",
            hint="Run its call again.",
        )

    def restore(self, content: bytes, value: Any) -> None:
        """Store a value that was lost once more.

        Raises:
            UnstorableValue: it cannot be stored.
            ResultsError: the database or the disk refuses.
        """
        row = self._row(content, value, "the value")
        with self._transaction() as database:
            database.execute(
                "UPDATE vals SET codec = ?, size = ?, data = ? WHERE cid = ?", (*row[1:], content)
            )
        self._damaged.discard(content)

    def _keep(self, content: bytes, value: Any, kind: str, part: str | int | None) -> None:
        """Let a value wait to be stored, unless it is stored already."""
        buffer = self._buffer
        if content in self._damaged and value is not MISSING:
            buffer.add_value(self._row(content, value, kind, part), repair=True)
            self._damaged.discard(content)
            return
        if buffer.has_value(content):
            return
        data = codecs.atom_data(value)
        if data is not None and len(data) <= INLINE:
            buffer.add_value((content, self._label(codecs.PICKLE), None, data))
            return
        stored = None if value is MISSING else self._stored(content)
        if value is MISSING or stored:
            # The id alone: no more than a row to refer to, should another process have
            # removed the value by the time that this is written.
            buffer.add_value((content, None, None, None))
            return
        # A row whose value is gone says more than is true and has to be put right.
        buffer.add_value(self._row(content, value, kind, part), repair=stored is False)

    def _row(
        self, content: bytes, value: Any, kind: str, part: str | int | None = None
    ) -> StoredValue:
        """Encode a value; write it to its file if it is large."""
        path = kind if part is None else f"{kind}[{part!r}]"
        encoded = codecs.encode(value, path, self._compression)
        if encoded.data is not None and len(encoded.data) <= INLINE:
            label = self._label(encoded.codec + SEALED)
            return (content, label, None, sealed(content, encoded.data))
        codec = self._label(encoded.codec)
        return (content, codec, self._value_files().write(content, encoded), None)

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
            self._files = ValueFiles(Path(self._temporary.name), mapped=self._mapped)
        return self._files

    # From open to close -----------------------------------------------------------------------

    def close(self) -> None:
        """Write what waits and close the database; closing twice is fine."""
        with self.lock:
            if self._closed:
                return
            try:
                self.flush()
            finally:
                self._closed = True
                self._disconnect()
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
        self._abandon()

    def _let_wait(self) -> None:
        if not self._timer:
            lifetime.flush_at_exit_of_this_process()
            self._timer = lifetime.Timer(self, PATIENCE)
        self._timer.start()

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
