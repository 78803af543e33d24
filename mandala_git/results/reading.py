"""Set-wise reads of the graph of calls: a few queries however many rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mandala_git.results.calls import CallRecord, CallRow, Edge, Session

BATCH = 900
"""Ids in one query: below the 999 parameters that old SQLite allows."""

CALL_COLUMNS = "c.id, c.hid, c.op, c.version, c.started, c.duration, c.session, c.alias_of"


def batches(ids: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Cut ids into lists, each with its placeholders for `IN (...)`."""
    rest = list(ids)
    for start in range(0, len(rest), BATCH):
        part = rest[start : start + BATCH]
        yield ",".join("?" * len(part)), part


def edges_of(connection: sqlite3.Connection, table: str, call: int) -> list[Edge]:
    """Return the edges of one call; the table is `call_inputs` or `call_outputs`."""
    rows = connection.execute(
        f"""SELECT l.name, r.id, r.hid, v.cid FROM {table} e
            JOIN labels l ON l.id = e.label JOIN refs r ON r.id = e.ref JOIN vals v ON v.id = r.val
            WHERE e.call = ? ORDER BY e.label""",
        (call,),
    )
    return list(map(Edge._make, rows))


def records(
    connection: sqlite3.Connection, ids: Sequence[int] | None = None, ops: Iterable[int] = ()
) -> list[CallRecord]:
    """Return calls with their edges, oldest first.

    Args:
        connection: the database.
        ids: rows of the calls; None: all calls of `ops`.
        ops: rows of ops.
    """
    where, wanted = ("c.id", list(ids)) if ids is not None else ("c.op", list(ops))
    found: dict[int, CallRecord] = {}
    for marks, part in batches(wanted):
        rows = connection.execute(
            f"SELECT {CALL_COLUMNS} FROM calls c WHERE {where} IN ({marks})", part
        )
        for row in map(CallRow._make, rows):
            found[row.id] = CallRecord(row, {}, {})
        for table in ("call_inputs", "call_outputs"):
            edges = connection.execute(
                f"""SELECT c.id, l.name, r.id, r.hid, v.cid FROM calls c
                    JOIN {table} e ON e.call = c.id JOIN labels l ON l.id = e.label
                    JOIN refs r ON r.id = e.ref JOIN vals v ON v.id = r.val
                    WHERE {where} IN ({marks})""",
                part,
            )
            for call, *edge in edges:
                record = found[call]
                into = record.inputs if table == "call_inputs" else record.outputs
                into[edge[0]] = Edge._make(edge)
    return [found[call] for call in sorted(found)]


def touching(
    connection: sqlite3.Connection, table: str, hids: Iterable[bytes]
) -> dict[bytes, list[tuple[int, str]]]:
    """Return the calls that an edge joins to each ref: {history id: [(call, label)]}."""
    found: dict[bytes, list[tuple[int, str]]] = {}
    for marks, part in batches(hids):
        rows = connection.execute(
            f"""SELECT r.hid, e.call, l.name FROM refs r JOIN {table} e ON e.ref = r.id
                JOIN labels l ON l.id = e.label WHERE r.hid IN ({marks}) ORDER BY e.call""",
            part,
        )
        for hid, call, label in rows:
            found.setdefault(hid, []).append((call, label))
    return found


def makers(connection: sqlite3.Connection, content: bytes) -> list[int]:
    """Return the calls one of whose outputs has a content; reads all refs."""
    rows = connection.execute(
        """SELECT DISTINCT e.call FROM vals v JOIN refs r ON r.val = v.id
           JOIN call_outputs e ON e.ref = r.id WHERE v.cid = ? ORDER BY e.call""",
        (content,),
    )
    return [call for (call,) in rows]


def sessions(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Session]:
    """Return sessions by row."""
    found = {}
    for marks, part in batches(ids):
        rows = connection.execute(
            f"""SELECT id, commit_id, dirty, host, pid, script, started
                FROM sessions WHERE id IN ({marks})""",
            part,
        )
        for id_, commit, dirty, host, pid, script, started in rows:
            found[id_] = Session(commit, bool(dirty), host, pid, script, started)
    return found


def stats(
    connection: sqlite3.Connection, ops: Iterable[int] | None = None
) -> dict[int, tuple[int, float]]:
    """Return {version: (calls that ran, seconds that they took)}; aliases do not count."""
    query = "SELECT version, count(*), total(duration) FROM calls WHERE alias_of IS NULL"
    if ops is None:
        rows = connection.execute(query + " GROUP BY version").fetchall()
    else:
        # A version is of one op, so no version spans two batches.
        rows = []
        for marks, part in batches(ops):
            rows += connection.execute(f"{query} AND op IN ({marks}) GROUP BY version", part)
    return {version: (count, seconds) for version, count, seconds in rows}


def texts(connection: sqlite3.Connection, ids: Iterable[bytes] | None) -> dict[bytes, bytes]:
    """Return texts of the outbox by id: the asked ones that are there, or all undrained."""
    if ids is None:
        return dict(connection.execute("SELECT text_id, body FROM outbox WHERE drained = 0"))
    found: dict[bytes, bytes] = {}
    for marks, part in batches(ids):
        rows = connection.execute(
            f"SELECT text_id, body FROM outbox WHERE text_id IN ({marks})", part
        )
        found.update(rows)
    return found
