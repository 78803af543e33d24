"""Calls that wait to be written, and the one transaction that writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

from mandala_git.results import packing, reading, runs
from mandala_git.results.absence import Absence
from mandala_git.results.calls import NewCall
from mandala_git.results.connection import transaction

StoredValue = tuple[bytes, int, int | None, bytes | None]
"""A row of `vals`: content id, codec, size, bytes."""

_INSERT = "INSERT INTO calls (run, started, duration, alias_of, hid, key, edges, id) VALUES "
_MARK = "INSERT OR IGNORE INTO marks VALUES "
_AT_ONCE = 32
"""Rows of one statement: SQLite is asked less often, which takes a third of the time."""

_REWRITE = """UPDATE calls SET run = ?, started = ?, duration = ?, alias_of = ?,
    hid = ?, key = ?, edges = ? WHERE id = ?"""


class _Waiting:
    """A call that waits: what `calls` and `marks` will hold of it."""

    __slots__ = ("alias_of", "duration", "edges", "era", "hid", "key", "marks", "run", "started")

    def __init__(self, call: NewCall, packed: packing.Packing, era: object | None) -> None:
        self.era = era
        names = tuple([edge[0] for edge in call.inputs]), tuple([edge[0] for edge in call.outputs])
        self.run = (call.op, call.version, call.session, names)
        self.hid, self.alias_of = call.hid, call.alias_of
        self.key = packing.short_key(call.hid, call.key)
        self.started, self.duration = call.started, call.duration
        self.edges, self.marks = bytes(packed.data), packed.marks

    def adds_to(self, recorded: reading.Opened | None) -> bool:
        """Say whether more is known now of a call that is recorded: its row is damaged, or small
        values of it were not at hand then."""
        if recorded is None:
            return True
        now, then = packing.split(self.edges), recorded.parts
        return now != then and all(
            packing.content_of(new) == packing.content_of(old)
            and packing.holds_value(new) >= packing.holds_value(old)
            for (new, _), (old, _) in zip(now, then, strict=False)
        )

    def row(self, run: int, proof: bytes, number: int) -> tuple[object, ...]:
        """Return its row under a number, in a run."""
        return (
            run,
            int(self.started * 1e3),
            round(self.duration * 1e6),
            self.alias_of,
            self.hid,
            self.key,
            packing.sealed(self.edges, self.hid, self.key, self.alias_of, proof),
            number,
        )


class Buffer:
    """Rows on their way into the database; not thread-safe, its owner holds a lock.

    Nothing is written before `write`, so a waiting call never holds a lock of the database.
    Every row is inserted unless its id is there: the same call from two processes is no conflict,
    the first one wins with its outputs, and a repeated write changes nothing.
    """

    def __init__(self) -> None:
        self.keys: set[bytes] = set()  # lookup keys of the calls that wait
        self.since = 0.0  # time.monotonic() of the oldest
        self.size = 0  # bytes of the values that wait
        self._values: dict[bytes, StoredValue] = {}
        self._repairs: dict[bytes, StoredValue] = {}
        self._small: dict[bytes, bytes] = {}
        self._calls: dict[bytes, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def has_call(self, hid: bytes) -> bool:
        """Say whether a call waits here."""
        return hid in self._calls

    def has_value(self, content: bytes) -> bool:
        """Say whether a value waits here."""
        return content in self._small or content in self._values

    def small(self, content: bytes) -> bytes | None:
        """Return a small value that waits here in its call, see `packing.small`."""
        return self._small.get(content)

    def value(self, content: bytes) -> tuple[int, bytes | None] | None:
        """Return codec and bytes (None: in a file) of a value that waits here by itself."""
        row = self._values.get(content)
        return None if row is None else (row[1], row[3])

    def add_value(self, row: StoredValue, *, repair: bool = False) -> None:
        """Let a value wait; a repair replaces the row of a value that was lost."""
        if row[0] not in self._values:
            self._values[row[0]] = row
            self.size += len(row[3] or b"")
        if repair:
            self._repairs[row[0]] = row

    def add_call(self, call: NewCall, packed: packing.Packing, era: object | None = None) -> None:
        """Let a call wait, whose values were added before.

        Args:
            call: the call.
            packed: its edges.
            era: in which it is not recorded, see `Absence.add`.
        """
        self._small.update(packed.values)
        self.size += len(packed.data)
        # The last step: what an interrupt left without it is no call.
        self._calls.setdefault(call.hid, _Waiting(call, packed, era))
        self.keys.add(call.key)

    def write(self, connection: sqlite3.Connection, absence: Absence) -> None:
        """Write everything in one transaction; on an error nothing is written, all stays here."""
        with transaction(connection):
            self.write_values(connection)
            self._write_calls(connection, absence.era(connection))

    def write_values(self, connection: sqlite3.Connection) -> None:
        """Write the values that wait by themselves, inside a transaction."""
        columns = "INSERT INTO vals (cid, codec, size, data) VALUES (?, ?, ?, ?)"
        connection.executemany(f"{columns} ON CONFLICT (cid) DO NOTHING", self._values.values())
        connection.executemany(
            f"""{columns} ON CONFLICT (cid) DO UPDATE SET
                codec = excluded.codec, size = excluded.size, data = excluded.data""",
            self._repairs.values(),
        )

    def _write_calls(self, connection: sqlite3.Connection, era: object | None) -> None:
        unsure = [hid for hid, call in self._calls.items() if era is None or call.era is not era]
        known = _known(connection, unsure) if unsure else {}
        (number,) = connection.execute(
            "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'calls'"
        ).fetchone()
        numbers: dict[object, tuple[int, bytes]] = {}
        sums: dict[int, runs.Sum] = {}
        new, anew, marks = [], [], []
        for call in self._calls.values():
            there = known.get(call.hid)
            if there is not None and not call.adds_to(there[1]):
                continue
            found = numbers.get(call.run)
            if found is None:
                found = numbers[call.run] = runs.number_of(connection, *call.run)
            run, proof = found
            if there is None:
                place = number = number + 1
                new.append(call.row(run, proof, place))
            else:
                place = there[0]
                anew.append(call.row(run, proof, place))
            counts = there is None and call.alias_of is None
            first, last, calls, seconds = sums.get(run) or (place, place, 0, 0.0)
            sums[run] = runs.Sum(
                min(first, place),
                max(last, place),
                calls + counts,
                seconds + call.duration * counts,
            )
            marks += [(mark, place) for mark in call.marks]
        _insert(connection, _INSERT, 8, new)
        connection.executemany(_REWRITE, anew)
        # Those of many calls in the order of the index, so that each page is met once.
        _insert(connection, _MARK, 2, sorted(marks))
        for run, more in sums.items():
            runs.add(connection, run, more)


def _insert(
    connection: sqlite3.Connection, statement: str, columns: int, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, many with each statement."""
    places = "(" + ",".join("?" * columns) + ")"
    whole = len(rows) - len(rows) % _AT_ONCE
    if whole:
        connection.executemany(
            statement + ",".join([places] * _AT_ONCE),
            (
                [*chain.from_iterable(rows[start : start + _AT_ONCE])]
                for start in range(0, whole, _AT_ONCE)
            ),
        )
    if whole < len(rows):
        connection.executemany(statement + places, rows[whole:])


def _known(
    connection: sqlite3.Connection, hids: Collection[bytes]
) -> dict[bytes, tuple[int, reading.Opened | None]]:
    """Return {history id: (row, what it says if it is whole)} of those recorded already."""
    found: dict[bytes, tuple[int, reading.Opened | None]] = {}
    known = runs.Runs()
    for places, part in reading.batches(hids, reading.BATCH // 2):
        marks = sorted({packing.mark_of_call(hid) for hid in part})
        rows = connection.execute(
            f"""SELECT {reading.COLUMNS} FROM marks m CROSS JOIN calls c ON c.id = m.call
                WHERE m.mark IN ({",".join("?" * len(marks))})
                AND c.hid IN ({places})""",
            [*marks, *part],
        )
        for row in rows:
            hid, call = row[5], reading.opened(connection, known, row)
            if hid not in found or call is not None:
                found[hid] = row[0], call
    return found
