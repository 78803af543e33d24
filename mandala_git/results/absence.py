"""What is surely not recorded: most new calls need not ask the database whether they are new.

The lookup keys of all calls of an op are kept as bits of a table: a key whose bit is not set has no
call. Bits are set for what is recorded here; what other connections write voids the table, and
whether they wrote is asked when a block begins and whenever `FRESH` seconds have passed since.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable

from mandala_git.results import packing

FRESH = 0.05
"""Seconds for which what other processes write may go unnoticed."""

_BITS = 24
"""Of a key: the table takes 2 MB, once anything is in it."""

_WORTH = 16
"""Rows that can be read in the time of a lookup."""


class _Writes:
    """Counts the transactions of this process, in all its stores."""

    count = 0


def wrote() -> None:
    """Note that something was written by this process."""
    _Writes.count += 1


class Absence:
    """Tells which lookups find nothing; not thread-safe, its owner holds a lock."""

    def __init__(self) -> None:
        self._table = bytearray()
        self._known: set[int] = set()  # ops all of whose keys are in the table
        self._vain: dict[int, int] = {}  # how many lookups found nothing
        self._era = object()  # another one whenever others wrote
        self._version: int | None = None
        self._looked = 0.0
        self._writes = -1

    def forget(self) -> None:
        """Know nothing: keys that are recorded may have become others."""
        self._known.clear()
        self._era = object()
        self._vain.clear()
        self._table = bytearray()

    def refresh(self, database: sqlite3.Connection) -> bool:
        """See whether others wrote; return whether they did, and all was forgotten."""
        now, writes = time.monotonic(), _Writes.count
        version = database.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._version
        if changed:
            self.forget()
        # In this order: an interrupt between two lines must not leave a claim that is not true.
        self._version, self._looked, self._writes = version, now, writes
        return bool(changed)

    def surely(self, database: sqlite3.Connection, ops: Collection[int], key: bytes) -> bool:
        """Tell whether no call of some ops has a lookup key, surely; False: one has to look."""
        for op in ops:
            if op not in self._known:
                return False
            place = _place(op, key)
            if self._table[place >> 3] >> (place & 7) & 1:
                return False
        return not self.is_due or not self.refresh(database)

    @property
    def is_due(self) -> bool:
        """Whether it is time to see whether others wrote."""
        return self._writes != _Writes.count or time.monotonic() - self._looked > FRESH

    def missed(
        self, database: sqlite3.Connection, ops: Collection[int], waiting: Iterable[bytes]
    ) -> None:
        """Note that a lookup found nothing; read all keys once that would have been quicker.

        Args:
            database: the database.
            ops: rows of the ops that were looked for.
            waiting: lookup keys of calls that are not in the database yet.
        """
        for op in ops:
            if op in self._known:
                continue
            vain = self._vain[op] = self._vain.get(op, 0) + 1
            if vain & (vain - 1):  # ask after 1, 2, 4, 8, ... of them
                continue
            self.refresh(database)  # first: what is written later than that is noticed
            rows = database.execute(
                "SELECT id, first, last FROM runs WHERE op = ? AND last > 0", (op,)
            ).fetchall()
            if sum(last - first + 1 for _, first, last in rows) <= vain * _WORTH:
                self._read(database, op, rows)
                for key in waiting:
                    self._set(op, key)
                self._known.add(op)

    def _read(
        self, database: sqlite3.Connection, op: int, rows: list[tuple[int, int, int]]
    ) -> None:
        if not self._table:
            self._table = bytearray(1 << (_BITS - 3))
        for run, first, last in rows:
            calls = database.execute(
                "SELECT hid, key FROM calls WHERE id BETWEEN ? AND ? AND run = ?",
                (first, last, run),
            )
            for hid, short in calls:
                if isinstance(hid, bytes) and isinstance(short, bytes):  # else it is damaged
                    self._set(op, packing.whole_key(hid, short))
                    self._set(op, hid)  # should the key be damaged

    def add(self, op: int, key: bytes) -> object | None:
        """Note that a call is recorded.

        Returns:
            None where a call with this key may be recorded already, else the era: none is, as
            long as `era` returns the same.
        """
        return self._era if op in self._known and self._set(op, key) else None

    def _set(self, op: int, key: bytes) -> bool:
        """Set the bit of a key; say whether it was not set."""
        place = _place(op, key)
        byte, bit = place >> 3, 1 << (place & 7)
        if self._table[byte] & bit:
            return False
        self._table[byte] |= bit
        return True

    def era(self, database: sqlite3.Connection) -> object | None:
        """Return, inside a transaction, the era in which it is; None for one that is new."""
        version = database.execute("PRAGMA data_version").fetchone()[0]
        return self._era if version == self._version else None


def _place(op: int, key: bytes) -> int:
    # Calls of several ops with the same inputs have the same key.
    return (int.from_bytes(key[:3], "big") ^ op * 0x9E3779) & ((1 << _BITS) - 1)
