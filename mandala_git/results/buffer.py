"""Calls that wait to be written, and the one transaction that writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress

from mandala_git.results.calls import NewCall

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
        self._calls: list[tuple[object, ...]] = []
        self._inputs: list[tuple[bytes, int, bytes]] = []
        self._outputs: list[tuple[bytes, int, bytes]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def has_value(self, content: bytes) -> bool:
        """Say whether a value waits here (not merely its id)."""
        row = self._values.get(content)
        return row is not None and row[1] is not None

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
        self._calls.append(
            (
                hid,
                call.op,
                call.version,
                call.key,
                call.started,
                call.duration,
                call.session,
                call.alias_of,
            )
        )
        self.keys.add(call.key)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything in one transaction; on an error nothing is written, all stays here."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                # A value whose id alone was known becomes stored.
                """INSERT INTO vals (cid, codec, size, data) VALUES (?, ?, ?, ?)
                   ON CONFLICT (cid) DO UPDATE SET codec = excluded.codec,
                   size = excluded.size, data = excluded.data
                   WHERE vals.codec IS NULL AND excluded.codec IS NOT NULL""",
                self._values.values(),
            )
            connection.executemany(
                "UPDATE vals SET codec = ?, size = ?, data = ? WHERE cid = ?",
                [(*stored, content) for content, *stored in self._repairs],
            )
            connection.executemany(
                # Not OR IGNORE, which would swallow a ref without a value as well.
                """INSERT INTO refs (hid, val) VALUES (?, (SELECT id FROM vals WHERE cid = ?))
                   ON CONFLICT (hid) DO NOTHING""",
                self._refs.items(),
            )
            connection.executemany(
                """INSERT INTO calls (hid, op, version, key, started, duration, session, alias_of)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hid) DO NOTHING""",
                self._calls,
            )
            for table, rows in (("call_inputs", self._inputs), ("call_outputs", self._outputs)):
                connection.executemany(
                    f"""INSERT INTO {table} (call, label, ref) VALUES (
                        (SELECT id FROM calls WHERE hid = ?), ?,
                        (SELECT id FROM refs WHERE hid = ?)) ON CONFLICT DO NOTHING""",
                    rows,
                )
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
