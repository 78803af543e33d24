"""Calls that wait to be written, and the one transaction that writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from mandala_git.records import NamedTuple
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


class _Waiting(NamedTuple):
    """A call that waits: what `calls` and `marks` will hold of it.

    Attributes:
        run: what it has in common with others, see `runs.number_of`.
        started: milliseconds since 1970.
        duration: seconds.
        alias_of: row of the call whose outputs these are.
        hid: history id.
        key: lookup key, as `packing.short_key` made it.
        edges: as `packing.Packing` made them.
        marks: what it is to be found by.
        era: in which it is not recorded, see `Absence.add`.
    """

    run: tuple[int, int, int | None, tuple[tuple[str, ...], tuple[str, ...]]]
    started: int
    duration: float
    alias_of: int | None
    hid: bytes
    key: bytes
    edges: bytes
    marks: set[bytes]
    era: object | None


_waiting = partial(tuple.__new__, _Waiting)


def _adds_to(edges: bytes, recorded: reading.Opened | None) -> bool:
    """Say whether more is known now of a call that is recorded: its row is damaged, or small
    values of it were not at hand then."""
    if recorded is None:
        return True
    now, then = packing.split(edges), recorded.parts
    return now != then and all(
        packing.content_of(new) == packing.content_of(old)
        and packing.holds_value(new) >= packing.holds_value(old)
        for (new, _), (old, _) in zip(now, then, strict=False)
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
        self._containers: dict[bytes, bytes] = {}
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

    def container(self, hid: bytes) -> bytes | None:
        """Return the history of a container that waits here, see `containers.keep`."""
        return self._containers.get(hid)

    def add_container(self, hid: bytes, elements: bytes) -> None:
        """Let the history of a container wait."""
        if hid not in self._containers:
            self._containers[hid] = elements
            self.size += len(elements)

    def add_call(self, call: NewCall, packed: packing.Packing, era: object | None = None) -> None:
        """Let a call wait, whose values were added before.

        Args:
            call: the call.
            packed: its edges.
            era: in which it is not recorded, see `Absence.add`.
        """
        self._small.update(packed.values)
        self.size += len(packed.data)
        (op, version, key, hid, inputs, outputs, started, duration, session, alias_of) = call
        names = tuple([edge[0] for edge in inputs]), tuple([edge[0] for edge in outputs])
        run = op, version, session, names
        short = packing.short_key(hid, key)
        edges, marks = packed.data, packed.marks
        milliseconds = int(started * 1e3)
        # The last step: what an interrupt left without it is no call.
        self._calls.setdefault(
            hid,
            _waiting((run, milliseconds, duration, alias_of, hid, short, edges, marks, era)),
        )
        self.keys.add(key)

    def write(self, connection: sqlite3.Connection, absence: Absence) -> None:
        """Write everything in one transaction; on an error nothing is written, all stays here."""
        with transaction(connection):
            self.write_values(connection)
            # One that is there says the same, unless it is damaged.
            connection.executemany(
                """INSERT INTO containers (hid, elements) VALUES (?, ?)
                   ON CONFLICT (hid) DO UPDATE SET elements = excluded.elements""",
                self._containers.items(),
            )
            self._write_calls(connection, absence.era(connection))

    def write_values(self, connection: sqlite3.Connection) -> None:
        """Write the values that wait by themselves, inside a transaction."""
        columns = "INSERT INTO vals (cid, codec, size, data) VALUES (?, ?, ?, ?)"
        if self._values:
            connection.executemany(f"{columns} ON CONFLICT (cid) DO NOTHING", self._values.values())
        if self._repairs:
            connection.executemany(
                f"""{columns} ON CONFLICT (cid) DO UPDATE SET
                    codec = excluded.codec, size = excluded.size, data = excluded.data""",
                self._repairs.values(),
            )

    def _write_calls(self, connection: sqlite3.Connection, era: object | None) -> None:
        unsure = {h: call for h, call in self._calls.items() if era is None or call[-1] is not era}
        known = _known(connection, unsure) if unsure else {}
        (number,) = connection.execute(
            "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'calls'"
        ).fetchone()
        numbers: dict[object, tuple[int, bytes]] = {}
        sums: dict[int, list[Any]] = {}
        new: list[tuple[Any, ...]] = []
        anew: list[tuple[Any, ...]] = []
        marks: list[tuple[bytes, int]] = []
        for shared, started, duration, alias_of, hid, key, edges, places, _ in self._calls.values():
            there = known.get(hid)
            if there is not None and not _adds_to(edges, there[1]):
                continue
            found = numbers.get(shared)
            if found is None:
                found = numbers[shared] = runs.number_of(connection, *shared)
            run, proof = found
            if there is None:
                place = number = number + 1
            else:
                place = there[0]
            sealed = packing.sealed(edges, hid, key, alias_of, proof)
            row = (run, started, round(duration * 1e6), alias_of, hid, key, sealed, place)
            (new if there is None else anew).append(row)
            total = sums.get(run)
            if total is None:
                total = sums[run] = [place, place, 0, 0.0]
            if place < total[0]:
                total[0] = place
            if place > total[1]:
                total[1] = place
            if there is None and alias_of is None:
                total[2] += 1
                total[3] += duration
            marks += [(mark, place) for mark in places]
        _insert(connection, _INSERT, 8, new)
        if anew:
            connection.executemany(_REWRITE, anew)
        # Those of many calls in the order of the index, so that each page is met once.
        _insert(connection, _MARK, 2, sorted(marks))
        for run, more in sums.items():
            runs.add(connection, run, runs.Sum(*more))


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
    connection: sqlite3.Connection, calls: Mapping[bytes, _Waiting]
) -> dict[bytes, tuple[int, reading.Opened | None]]:
    """Return {history id: (row, what it says if it is whole)} of those recorded already.

    One whose op or argument was renamed keeps its history id; it is another call to a lookup.
    """
    found: dict[bytes, tuple[int, reading.Opened | None]] = {}
    known = runs.Runs()
    for places, part in reading.batches(calls, reading.BATCH // 2):
        marks = sorted({packing.mark_of_call(hid) for hid in part})
        rows = connection.execute(
            f"""SELECT {reading.COLUMNS} FROM marks m CROSS JOIN calls c ON c.id = m.call
                WHERE m.mark IN ({",".join("?" * len(marks))})
                AND c.hid IN ({places})""",
            [*marks, *part],
        )
        for row in rows:
            hid, call = row[5], reading.opened(connection, known, row)
            if call is not None and (call.run.op, row[6]) != (calls[hid].run[0], calls[hid].key):
                continue
            if hid not in found or call is not None:
                found[hid] = row[0], call
    return found
