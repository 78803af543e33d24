"""The results of a repository: calls are recorded, looked up and read here."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from mandala_git.errors import NewerSchema, ResultsError, UnstorableValue
from mandala_git.results import lifetime, packing, reading
from mandala_git.results.absence import Absence
from mandala_git.results.buffer import Buffer
from mandala_git.results.calls import CallRecord, CallRow, Candidate, Edge, NewCall
from mandala_git.results.contents import Contents
from mandala_git.results.database import BUSY_SECONDS, explained, refuse_unknown

LONG = 1e-3
"""A call that took more seconds than this is on disk before `record` returns."""

PATIENCE = 0.05
"""Seconds that a shorter call may wait in memory, so that many share one transaction."""

CROWD, WEIGHT = 4096, 16 << 20
"""Calls, and bytes of their values, that may wait at most."""


class Results(Contents):
    """An open store of results: a database, a folder of large values, and calls that wait.

    Any thread may use it; many processes may have the same folder open. A forked child gets
    a connection of its own and leaves the calls that wait to its parent.

    Args:
        folder: where `results.db` and `values/` live; made where missing. None: in memory,
            large values in a temporary folder.
        database: the database where that is another file than the folder's `results.db`.
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
        database: Path | None = None,
        busy_seconds: float = BUSY_SECONDS,
        fsync: bool = False,
        compression: str | None = None,
        mapped: bool = True,
    ) -> None:
        super().__init__(
            folder,
            database=database,
            busy_seconds=busy_seconds,
            fsync=fsync,
            compression=compression,
            mapped=mapped,
        )
        self._timer: lifetime.Timer | None = None
        self._stuck = False
        self._others = -1
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
            packed = packing.Packing(call)
            for place in packed.outputs:
                _, _, content, value = call.outputs[place]
                self._keep(content, value, "result", place if len(call.outputs) > 1 else None)
            for place in packed.inputs:
                name, _, content, value = call.inputs[place]
                with suppress(UnstorableValue):  # it is known by its id alone
                    self._keep(content, value, "argument", name)
            self._open()
            self._lookups = 0
            buffer, now = self._buffer, time.monotonic()
            first = not buffer
            if first:
                buffer.since = now
            buffer.add_call(call, packed, self._absence.add(call.op, call.key))
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
        """Write what waits, and give back what is held to read.

        Args:
            patient: do not try again yet after somebody else's lock was waited for in vain.

        Raises:
            ResultsError: the database refuses; everything still waits.
        """
        with self.lock:
            if self._reading:
                self._rest()
            # After a close that could not write, there is nothing left to write to.
            if not self._buffer or self._closed:
                return
            if patient:
                self._have_patience()
            self._stuck, began = True, time.monotonic()
            try:
                self._check_place()
                self._buffer.write(self._open(), self._absence)
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

        What another process has recorded since `generation` or `catch_up` may be missing, but
        nothing that is older than `absence.FRESH` seconds.

        Args:
            op_ids: rows of the ops.
            key: `ids.lookup_key` of the inputs.
        """
        with self.lock:
            try:
                database, absence = self._database, self._absence
                if database is None or not self._reading or absence.is_due:
                    database = self._open()
                if absence.surely(database, op_ids, key):
                    return []
                if key in self._buffer.keys:
                    self.flush()
                if not self._reading and self._read_on(database):
                    absence.refresh(database)
                    self._let_wait()
                found = reading.candidates(database, self._runs, op_ids, key, self._know)
                if not found and self.refusal is None:
                    absence.missed(database, op_ids, self._buffer.keys)
                return found
            except sqlite3.Error as error:
                raise explained(error, self.path, self._busy) from error

    def catch_up(self) -> None:
        """Have the next lookup find what others recorded up to now; see `absence.FRESH`."""
        with self._using(flushed=False) as database:
            self._absence.refresh(database)

    def complete(self, candidate: Candidate) -> bool:
        """Say whether the values of all outputs of a call are stored."""
        return False not in candidate.inline or all(
            inline or self.has_value(edge.cid)
            for edge, inline in zip(candidate.outputs, candidate.inline, strict=True)
        )

    def call(self, hid: bytes) -> CallRow | None:
        """Return a call by its history id."""
        with self._using() as database:
            found = reading.by_hid(database, self._runs, hid)
        return None if found is None else found.row()

    def beginning(self, digits: str, most: int = 100) -> dict[bytes, int]:
        """Return {history id: row of its call} of calls and outputs, by how their ids begin.

        Args:
            digits: hex, at least one digit.
            most: how many at most.
        """
        with self._using() as database:
            return reading.beginning(database, self._runs, digits, most)

    def inputs(self, call: int) -> list[Edge]:
        """Return the input refs of a call."""
        with self._using(flushed=False) as database:
            found = reading.by_number(database, self._runs, call)
        return [] if found is None else found.inputs()

    def outputs(self, call: int) -> list[Edge]:
        """Return the output refs of a call."""
        with self._using(flushed=False) as database:
            found = reading.by_number(database, self._runs, call)
        return [] if found is None else found.outputs()

    def calls_of(self, op_ids: Iterable[int]) -> list[CallRecord]:
        """Return all calls of some ops with their edges, oldest first."""
        with self._using() as database:
            return reading.records_of(database, self._runs, op_ids, self._know)

    def calls(self, ids: Iterable[int]) -> list[CallRecord]:
        """Return calls by row with their edges, oldest first."""
        with self._using() as database:
            return reading.records(database, self._runs, list(ids), self._know)

    def stats(self, op_ids: Iterable[int] | None = None) -> dict[int, tuple[int, float]]:
        """Return {version: (calls, seconds)} of the calls that ran, of some ops or of all."""
        with self._using() as database:
            return reading.stats(database, op_ids)

    def creators(self, hids: Iterable[bytes]) -> dict[bytes, list[tuple[int, str]]]:
        """Return the calls that made each ref: {history id: [(call, output)]}.

        An element of a container that a call returned is made by that call.
        """
        hids = set(hids)
        with self._using() as database:
            found = reading.touching(
                database, self._runs, hids, packing.mark_of_call, reading.Opened.outputs
            )
        rest = hids - found.keys()
        if rest:
            from mandala_git.results.histories import makers_of_elements

            found |= makers_of_elements(self, rest)
        return found

    def consumers(self, hids: Iterable[bytes]) -> dict[bytes, list[tuple[int, str]]]:
        """Return the calls that took each ref, or a container of it.

        Returns:
            {history id: [(call, argument)]}.
        """
        from mandala_git.results.references import takers

        with self._using() as database:
            return takers(database, self._runs, hids)

    def makers(self, content: bytes) -> list[int]:
        """Return the calls that returned a content, oldest first."""
        with self._using() as database:
            return reading.makers(database, self._runs, content)

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
                    refuse_unknown(database.execute("PRAGMA user_version").fetchone()[0], self.path)
                except NewerSchema:
                    self._disconnect()
                    raise
                self._others = others
            self._absence.refresh(database)
            return int(others), database.total_changes

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
                    self._temporary()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def renew_after_fork(self) -> None:
        """Start afresh in a forked child: what waits is the parent's to write."""
        self.lock = threading.RLock()
        self._buffer = Buffer()
        self._absence = Absence()
        self._timer = None
        if self._temporary is not None:
            # The parent's to remove; the child may still read what is there.
            self._temporary.detach()
            self._temporary = None
        self._abandon()

    def _let_wait(self) -> None:
        if not self._timer:
            lifetime.flush_at_exit_of_this_process()
            self._timer = lifetime.Timer(self, PATIENCE)
        self._timer.start()
