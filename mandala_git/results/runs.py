"""Runs: what many calls have in common, kept once: op, version, session and names of edges."""

from __future__ import annotations

import json
import sqlite3

from blake3 import blake3

from mandala_git.records import NamedTuple


class Run(NamedTuple):
    """What many calls have in common.

    Attributes:
        op: row of their op.
        version: row of the version that ran.
        session: row of the session, None where there is none.
        inputs: names of their arguments.
        outputs: names of their outputs.
        proof: hash of the store's id, the version's and the names, for the checksums of calls.
    """

    op: int
    version: int
    session: int | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    proof: bytes


class Sum(NamedTuple):
    """What the calls of a run add up to, or those of them that are about to be written.

    Attributes:
        first: the first row.
        last: the last row.
        calls: how many ran.
        seconds: how long they took.
    """

    first: int
    last: int
    calls: int
    seconds: float


class Runs:
    """The runs of a database that were met so far.

    Nobody deletes one. Who renames an op changes its runs: a process that remembers them goes on
    looking for its calls under the old name, and makes them again.
    """

    def __init__(self) -> None:
        self._known: dict[int, Run] = {}

    def get(self, connection: sqlite3.Connection, number: int) -> Run | None:
        """Return a run by its row, None where there is none (or the row is damaged)."""
        known = self._known.get(number)
        if known is None:
            row = connection.execute(f"{_READ} AND r.id = ?", (number,)).fetchone()
            try:
                known = self._known[number] = _run(row)
            except (TypeError, ValueError):  # no row, or no names in it
                return None
        return known

    def forget(self) -> None:
        """Read them anew: an op was renamed."""
        self._known.clear()


_READ = """SELECT s.id, v.vid, r.names, r.op, r.version, r.session, r.id
    FROM runs r CROSS JOIN versions v CROSS JOIN store s WHERE v.id = r.version"""


def _run(row: tuple[bytes, bytes, str, int, int, int | None, int]) -> Run:
    store, vid, names, op, version, session, _ = row
    inputs, outputs = json.loads(names)
    proof = blake3(store + vid + names.encode()).digest(length=8)
    return Run(op, version, session, tuple(inputs), tuple(outputs), proof)


def number_of(
    connection: sqlite3.Connection,
    op: int,
    version: int,
    session: int | None,
    names: tuple[tuple[str, ...], tuple[str, ...]],
) -> tuple[int, bytes]:
    """Return the row of a run, made if new, inside the transaction that records its calls.

    Args:
        connection: the database.
        op: row of the op.
        version: row of the version.
        session: row of the session, None where there is none.
        names: of the arguments, and of the outputs.

    Returns:
        The row, and the proof for the checksums of its calls.
    """
    text = json.dumps(names, separators=(",", ":"))
    query = f"{_READ} AND r.op = ? AND r.version = ? AND r.session IS ? AND r.names = ?"
    shared = (op, version, session, text)
    row = connection.execute(query, shared).fetchone()
    if row is None:
        connection.execute(
            """INSERT INTO runs (op, version, session, names, first, last, calls, seconds)
               VALUES (?, ?, ?, ?, 0, 0, 0, 0)""",
            shared,
        )
        row = connection.execute(query, shared).fetchone()
    return row[-1], _run(row).proof


def add(connection: sqlite3.Connection, number: int, more: Sum) -> None:
    """Count calls that were written to a run."""
    connection.execute(
        """UPDATE runs SET first = CASE first WHEN 0 THEN ? ELSE min(first, ?) END,
           last = max(last, ?), calls = calls + ?, seconds = seconds + ? WHERE id = ?""",
        (more[0], *more, number),
    )
