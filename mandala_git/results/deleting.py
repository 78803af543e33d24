"""Deleting calls, alone or with all that was computed from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from mandala_git.records import NamedTuple
from mandala_git.results import codecs, packing, reading, references
from mandala_git.results.reading import Opened
from mandala_git.results.store import Results
from mandala_git.results.values import sealed
from mandala_git.results.watching import Advance, Watch, unwatched


class Deleted(NamedTuple):
    """Calls that were deleted, or would be.

    Attributes:
        calls: {row of an op: how many of its calls that ran}.
        aliases: how many times these were found under other histories of their inputs.
        seconds: how long they ran.
    """

    calls: dict[int, int]
    aliases: int
    seconds: float

    @property
    def total(self) -> int:
        """How many rows they are."""
        return sum(self.calls.values()) + self.aliases


def delete(
    results: Results,
    calls: Iterable[int],
    *,
    dependents: bool = False,
    dry_run: bool = False,
    watch: Watch = unwatched,
) -> Deleted:
    """Delete calls, and with each all aliases of it: they are the same call to a lookup.

    Args:
        results: where they are recorded.
        calls: their rows.
        dependents: delete the calls as well that took what these made, and so on. Otherwise those
            keep what they were given.
        dry_run: only say what would be deleted.
        watch: is told of each call.

    Raises:
        ResultsError: the database cannot be written; nothing was deleted.
    """
    rows = set(calls)
    if dry_run:
        with results.looking() as database:
            return _sum(_chosen(database, results, rows, dependents=dependents).values())
    codec = results.codec_row(codecs.PICKLE)
    with results.changing() as database:
        gone = _chosen(database, results, rows, dependents=dependents).values()
        with watch("deleting calls", len(gone)) as advance:
            _remove(database, gone, advance)
        _keep_small_values(database, results, gone, codec)
    return _sum(gone)


def of_versions(results: Results, versions: Collection[int]) -> set[int]:
    """Return the rows of the calls that some versions ran."""
    found: set[int] = set()
    with results.looking() as database:
        for version in versions:
            for run, first, last in database.execute(
                "SELECT id, first, last FROM runs WHERE version = ?", (version,)
            ).fetchall():
                found.update(
                    row
                    for (row,) in database.execute(
                        "SELECT id FROM calls WHERE id BETWEEN ? AND ? AND run = ?",
                        (first, last, run),
                    )
                )
    return found


def _chosen(
    database: sqlite3.Connection, results: Results, rows: set[int], *, dependents: bool
) -> dict[int, Opened]:
    """Return the calls to delete, by row."""
    aliases, origin = references.groups(database)
    found: dict[int, Opened] = {}
    todo = rows
    while todo:
        first = {origin.get(row, row) for row in todo}
        todo = first | {alias for row in first for alias in aliases.get(row, ())}
        new = {}
        for row in todo:  # one by one: `-` would look at all that were found, each time
            if row in found:
                continue
            call = reading.by_number(database, results.runs, row)
            if call is not None:
                new[row] = call
        found |= new
        if not dependents:
            break
        todo = references.followers(database, results, new.values())
        todo = {row for row in todo if row not in found}
    return found


def _remove(database: sqlite3.Connection, gone: Iterable[Opened], advance: Advance) -> None:
    for call in gone:
        row = call.row()
        database.executemany(
            "DELETE FROM marks WHERE mark = ? AND call = ?",
            [(mark, call.id) for mark in call.marks(call.key)],
        )
        database.execute("DELETE FROM calls WHERE id = ?", (call.id,))
        if row.alias_of is None:
            database.execute(
                """UPDATE runs SET calls = calls - 1, seconds = max(0, seconds - ?)
                   WHERE id = ?""",
                (row.duration, call.number),
            )
        advance(1)


def _keep_small_values(
    database: sqlite3.Connection, results: Results, gone: Iterable[Opened], codec: int
) -> None:
    """Let values that lay in deleted calls, and that others know by id alone, be stored."""
    hids: dict[bytes, bytes] = {}
    values: dict[bytes, bytes] = {}
    for call in gone:
        edges = [*call.inputs(), *call.outputs()]
        for edge, (packed, _) in zip(edges, call.parts, strict=True):
            if packing.holds_value(packed):
                hids[edge.hid] = edge.cid
                values[edge.cid] = packed
    needed = {hids[hid] for hid in references.takers(database, results.runs, hids)}
    for content in needed:
        if reading.small_value(database, results.runs, content) is None:
            data = codecs.atom_data(packing.value_of(values[content]))
            assert data is not None
            database.execute(
                """INSERT INTO vals (cid, codec, size, data) VALUES (?, ?, NULL, ?)
                   ON CONFLICT (cid) DO NOTHING""",
                (content, codec, sealed(content, data)),
            )


def _sum(gone: Iterable[Opened]) -> Deleted:
    calls: dict[int, int] = {}
    aliases, seconds = 0, 0.0
    for call in gone:
        row = call.row()
        if row.alias_of is None:
            calls[row.op] = calls.get(row.op, 0) + 1
            seconds += row.duration
        else:
            aliases += 1
    return Deleted(calls, aliases, seconds)
