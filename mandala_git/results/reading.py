"""Set-wise reads of the graph of calls: a few queries however many rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from mandala_git.results import packing
from mandala_git.results.calls import CallRecord, CallRow, Candidate, Edge, Session
from mandala_git.results.ids import MARK, output_hid, value_hid
from mandala_git.results.runs import Run, Runs

Know = Callable[[bytes, bytes], None]
"""Gets the content id of each small value that is met, and its bytes."""

BATCH = 900
"""Ids in one query: below the 999 parameters that old SQLite allows."""

COLUMNS = "c.id, c.run, c.started, c.duration, c.alias_of, c.hid, c.key, c.edges"

# In this order: SQLite cannot know that few calls share a mark.
_MARKED = f"SELECT {COLUMNS} FROM marks m CROSS JOIN calls c ON c.id = m.call"

_LOOKUP = """SELECT c.id, c.run, c.alias_of, c.hid, c.key, c.edges
    FROM marks m CROSS JOIN calls c ON c.id = m.call WHERE m.mark = ?"""

# As quickly as can be: a hit waits for them, and a table has many.
_call = partial(tuple.__new__, CallRow)
_candidate = partial(tuple.__new__, Candidate)
_edge = partial(tuple.__new__, Edge)
_record = partial(tuple.__new__, CallRecord)

Row = tuple[int, int, int, int, int | None, bytes, bytes, bytes]
"""A row of `calls`."""

Part = tuple[bytes, bytes | None]
"""An edge as `packing.split` returns it."""


def batches(ids: Iterable[Any], size: int = BATCH) -> Iterator[tuple[str, list[Any]]]:
    """Cut ids into lists, each with its placeholders for `IN (...)`."""
    rest = list(ids)
    for start in range(0, len(rest), size):
        part = rest[start : start + size]
        yield ",".join("?" * len(part)), part


class Opened:
    """A row of a call that was proved whole.

    Attributes:
        id: the row's number.
        number: row of the run.
        run: what it has in common with others.
        hid: its history id.
        parts: its edges, those of the arguments first.
    """

    __slots__ = ("_row", "hid", "id", "number", "parts", "run")

    def __init__(self, row: Row, run: Run, parts: list[Part]) -> None:
        self._row = row
        self.id, self.number, self.hid = row[0], row[1], row[5]
        self.run = run
        self.parts = parts

    def row(self) -> CallRow:
        """Return what is said of the call itself."""
        id, _, started, duration, alias_of, hid, _, _ = self._row
        op, version, session = self.run[:3]
        return _call((id, hid, op, version, started / 1e3, duration / 1e6, session, alias_of))

    def inputs(self) -> list[Edge]:
        """Return the arguments."""
        names = self.run.inputs
        return packing.input_edges(self.parts[: len(names)], names)

    def outputs(self) -> list[Edge]:
        """Return the outputs."""
        return packing.output_edges(self.parts[len(self.run.inputs) :], self.run.outputs, self.hid)

    @property
    def key(self) -> bytes:
        """The lookup key."""
        return packing.whole_key(self.hid, self._row[6])

    def marks(self, key: bytes) -> set[bytes]:
        """Return what the call may be found by under a lookup key, and perhaps more."""
        edges = [*self.inputs(), *self.outputs()]
        return {
            *(packing.mark_of_call(each) for each in (key, self.hid)),
            *(packing.mark_of_call(edge.hid) for edge in edges),
            *(packing.mark_of_input(edge.hid) for edge in edges),
            *(packing.mark_of_content(edge.cid) for edge in edges),
        }

    def record(self) -> CallRecord:
        """Return the call with its edges."""
        inputs = {edge[0]: edge for edge in self.inputs()}
        outputs = {edge[0]: edge for edge in self.outputs()}
        return _record((self.row(), inputs, outputs))


def opened(connection: sqlite3.Connection, runs: Runs, row: Row) -> Opened | None:
    """Return what a row says; None where it is damaged: then it says nothing.

    Whoever needs such a call runs it again, and its row is written anew.
    """
    _, number, _, _, alias_of, hid, short, stored = row
    run = runs.get(connection, number)
    if run is None:
        return None
    edges = packing.unsealed(stored, hid, short, alias_of, run.proof)
    if edges is None:
        return None
    parts = packing.split(edges)
    if len(parts) != len(run.inputs) + len(run.outputs):
        return None
    return Opened(row, run, parts)


def candidates(
    connection: sqlite3.Connection,
    runs: Runs,
    ops: Collection[int],
    key: bytes,
    know: Know,
) -> list[Candidate]:
    """Return the calls of some ops with a lookup key, oldest first.

    Args:
        connection: the database.
        runs: its runs.
        ops: rows of the ops.
        key: the lookup key.
        know: gets the content id of each small value that was met, and its bytes.
    """
    found: list[Candidate] = []
    start, rest = key[:MARK], key[MARK:]
    rows = connection.execute(_LOOKUP, (packing.mark_of_call(key),)).fetchall()
    for id, number, alias_of, hid, short, stored in rows:
        if short != key and (short != rest or not isinstance(hid, bytes) or hid[:MARK] != start):
            continue
        run = runs.get(connection, number)
        if run is None:
            continue
        op, version, _, inputs, names, proof = run
        if op not in ops:
            continue
        edges = packing.unsealed(stored, hid, short, alias_of, proof)
        if edges is None:
            continue
        parts = packing.split(edges, len(inputs))
        if len(parts) != len(names):
            continue
        outputs: list[Edge] = []
        inline: list[bool] = []
        for (packed, history), name in zip(parts, names, strict=True):
            content = packing.content_of(packed)
            if history is None:
                history = output_hid(hid, name)
            outputs.append(_edge((name, len(outputs), history, content)))
            inside = packing.holds_value(packed)
            inline.append(inside)
            if inside:
                know(content, packed)
        found.append(_candidate((id, hid, version, alias_of, outputs, inline)))
    return found


def marked(connection: sqlite3.Connection, runs: Runs, marks: Iterable[bytes]) -> Iterator[Opened]:
    """Yield the calls that have one of some marks, each once; some have it by chance."""
    met: set[int] = set()
    for places, part in batches(set(marks)):
        rows = connection.execute(f"{_MARKED} WHERE m.mark IN ({places})", part)
        for row in rows:
            if row[0] in met:
                continue
            met.add(row[0])
            call = opened(connection, runs, row)
            if call is not None:
                yield call


def by_hid(connection: sqlite3.Connection, runs: Runs, hid: bytes) -> Opened | None:
    """Return a call by its history id."""
    calls = marked(connection, runs, [packing.mark_of_call(hid)])
    return next((call for call in calls if call.hid == hid), None)


def beginning(
    connection: sqlite3.Connection, runs: Runs, digits: str, most: int
) -> dict[bytes, int]:
    """Return {history id: row of its call} of calls and outputs whose ids begin with hex digits.

    Args:
        connection: the database.
        runs: its runs.
        digits: at least one.
        most: how many at most.
    """
    low = bytes.fromhex(digits[: 2 * MARK].ljust(2 * MARK, "0"))
    high = bytes.fromhex(digits[: 2 * MARK].ljust(2 * MARK, "f"))
    rows = connection.execute(f"{_MARKED} WHERE m.mark BETWEEN ? AND ?", (low, high))
    found: dict[bytes, int] = {}
    for row in rows:
        call = opened(connection, runs, row)
        for hid in () if call is None else (call.hid, *(edge.hid for edge in call.outputs())):
            if hid.hex().startswith(digits):
                found[hid] = row[0]
        if len(found) >= most:
            break
    return found


def by_number(connection: sqlite3.Connection, runs: Runs, number: int) -> Opened | None:
    """Return a call by its row."""
    row = connection.execute(f"SELECT {COLUMNS} FROM calls c WHERE c.id = ?", (number,)).fetchone()
    return None if row is None else opened(connection, runs, row)


def records(
    connection: sqlite3.Connection, runs: Runs, ids: Sequence[int], know: Know
) -> list[CallRecord]:
    """Return calls by row with their edges, oldest first."""
    found: list[CallRecord] = []
    for marks, part in batches(sorted(set(ids))):
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM calls c WHERE c.id IN ({marks}) ORDER BY c.id", part
        )
        found += _records(connection, runs, rows, know)
    return found


def records_of(
    connection: sqlite3.Connection, runs: Runs, ops: Iterable[int], know: Know
) -> list[CallRecord]:
    """Return all calls of some ops with their edges, oldest first."""
    found: list[CallRecord] = []
    for marks, part in batches(ops):
        for number, first, last in connection.execute(
            f"SELECT id, first, last FROM runs WHERE op IN ({marks})", part
        ).fetchall():
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM calls c WHERE c.id BETWEEN ? AND ? AND c.run = ?",
                (first, last, number),
            )
            found += _records(connection, runs, rows, know)
    return sorted(found, key=lambda record: record.row.id)


def _records(
    connection: sqlite3.Connection, runs: Runs, rows: Iterable[Row], know: Know
) -> Iterator[CallRecord]:
    for row in rows:
        call = opened(connection, runs, row)
        if call is not None:
            record = call.record()
            edges = [*record.inputs.values(), *record.outputs.values()]
            for edge, part in zip(edges, call.parts, strict=True):
                if packing.holds_value(part[0]):
                    know(edge[3], part[0])
            yield record


def touching(
    connection: sqlite3.Connection,
    runs: Runs,
    hids: Iterable[bytes],
    mark: Callable[[bytes], bytes],
    edges: Callable[[Opened], list[Edge]],
) -> dict[bytes, list[tuple[int, str]]]:
    """Return the calls that an edge joins to each ref: {history id: [(call, label)]}.

    Args:
        connection: the database.
        runs: its runs.
        hids: of the refs.
        mark: by which such calls are found.
        edges: which ones of a call.
    """
    wanted = set(hids)
    found: dict[bytes, list[tuple[int, str]]] = {}
    for call in marked(connection, runs, map(mark, wanted)):
        for edge in edges(call):
            if edge.hid in wanted:
                found.setdefault(edge.hid, []).append((call.id, edge.label))
    for calls in found.values():
        calls.sort()
    return found


def makers(connection: sqlite3.Connection, runs: Runs, content: bytes) -> list[int]:
    """Return the calls one of whose outputs has a content, oldest first."""
    return sorted(
        call.id
        for call in marked(connection, runs, [packing.mark_of_content(content)])
        if any(edge.cid == content for edge in call.outputs())
    )


def small_value(connection: sqlite3.Connection, runs: Runs, content: bytes) -> bytes | None:
    """Return a value that lies in a call, as `packing.small` made it."""
    # Mostly a call returned it; otherwise it was only ever an argument.
    for mark in packing.mark_of_content(content), packing.mark_of_input(value_hid(content)):
        for call in marked(connection, runs, [mark]):
            for packed, _ in call.parts:
                if packing.holds_value(packed) and packing.content_of(packed) == content:
                    return packed
    return None


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
    query = "SELECT version, sum(calls), total(seconds) FROM runs WHERE calls > 0"
    found: dict[int, tuple[int, float]] = {}
    for part in [None] if ops is None else batches(ops):
        only, values = ("", []) if part is None else (f" AND op IN ({part[0]})", part[1])
        for version, calls, seconds in connection.execute(
            f"{query}{only} GROUP BY version", values
        ):
            before = found.get(version, (0, 0.0))
            found[version] = before[0] + calls, before[1] + seconds
    return found


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
