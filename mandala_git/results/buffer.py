"""Calls that wait to be written, and the one transaction that writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable

from mandala_git.results.calls import NewCall
from mandala_git.results.connection import transaction

StoredValue = tuple[bytes, int | None, int | None, bytes | None]
"""A row of `vals`: content id, codec, size, bytes."""


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
        self._repairs: list[StoredValue] = []
        self._refs: dict[bytes, bytes] = {}
        self._calls: dict[bytes, tuple[object, ...]] = {}
        self._inputs: list[tuple[bytes, int, bytes]] = []
        self._outputs: list[tuple[bytes, int, bytes]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def has_call(self, hid: bytes) -> bool:
        """Say whether a call waits here."""
        return hid in self._calls

    def has_value(self, content: bytes) -> bool:
        """Say whether a value waits here (not merely its id)."""
        row = self._values.get(content)
        return row is not None and row[1] is not None

    def value(self, content: bytes) -> tuple[int, bytes | None] | None:
        """Return codec and bytes (None: in a file) of a value that waits here."""
        row = self._values.get(content)
        return None if row is None or row[1] is None else (row[1], row[3])

    def add_value(self, row: StoredValue, *, repair: bool = False) -> None:
        """Let a value wait; a repair replaces the row of a value that was lost."""
        waiting = self._values.get(row[0])
        if waiting is None or waiting[1] is None:
            self._values[row[0]] = row
            self.size += len(row[3] or b"")
        if repair:
            self._repairs.append(row)

    def add_call(self, call: NewCall, label: Callable[[str], int]) -> None:
        """Let a call wait, whose values were added before."""
        hid = call.hid
        for edges, rows in ((call.inputs, self._inputs), (call.outputs, self._outputs)):
            for name, ref, content, _ in edges:
                self._refs.setdefault(ref, content)
                rows.append((hid, label(name), ref))
        # The last step: what an interrupt left without it is no call.
        self._calls.setdefault(
            hid,
            (
                hid,
                call.op,
                call.version,
                call.key,
                call.started,
                call.duration,
                call.session,
                call.alias_of,
            ),
        )
        self.keys.add(call.key)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything in one transaction; on an error nothing is written, all stays here."""
        with transaction(connection):
            columns = "cid, codec, size, data"
            vals, known = _insert(connection, "vals", columns, self._values, self._values.values())
            connection.executemany(
                # A value whose id alone was known becomes stored.
                "UPDATE vals SET codec = ?, size = ?, data = ? WHERE id = ? AND codec IS NULL",
                [(*self._values[content][1:], vals[content]) for content in known],
            )
            connection.executemany(
                "UPDATE vals SET codec = ?, size = ?, data = ? WHERE cid = ?",
                [(*stored, content) for content, *stored in self._repairs],
            )
            pairs = [(hid, vals[content]) for hid, content in self._refs.items()]
            refs, _ = _insert(connection, "refs", "hid, val", self._refs, pairs)
            columns = "hid, op, version, key, started, duration, session, alias_of"
            calls, _ = _insert(connection, "calls", columns, self._calls, self._calls.values())
            for table, rows in (("call_inputs", self._inputs), ("call_outputs", self._outputs)):
                connection.executemany(
                    f"INSERT INTO {table} (call, label, ref) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                    [(calls[call], label, refs[ref]) for call, label, ref in rows if call in calls],
                )


def _insert(
    connection: sqlite3.Connection,
    table: str,
    columns: str,
    ids: Collection[bytes],
    rows: Iterable[tuple[object, ...]],
) -> tuple[dict[bytes, int], list[bytes]]:
    """Insert rows that are not there yet, in a transaction that has the database to itself.

    Args:
        connection: where.
        table: which one.
        columns: the first is unique.
        ids: of each row, its value there.
        rows: the rows.

    Returns:
        {id: number of its row}, and the ids that were there before.
    """
    unique = columns.partition(",")[0]
    marks = ", ".join("?" * (columns.count(",") + 1))
    highest = f"SELECT ifnull(max(id), 0) FROM {table}"
    (before,) = connection.execute(highest).fetchone()
    connection.executemany(
        f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({unique}) DO NOTHING", rows
    )
    (after,) = connection.execute(highest).fetchone()
    if after - before == len(ids):
        # SQLite numbers new rows one after the other: nobody has to look them up.
        return dict(zip(ids, range(before + 1, after + 1), strict=True)), []
    new = f"SELECT {unique}, id FROM {table} WHERE id > ?"
    numbers: dict[bytes, int] = dict(connection.execute(new, (before,)))
    known = [id for id in ids if id not in numbers]
    for id in known:
        found = connection.execute(f"SELECT id FROM {table} WHERE {unique} = ?", (id,))
        (numbers[id],) = found.fetchone()
    return numbers, known
