"""Other names for what is recorded: an op is renamed, or an argument, and calls stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from mandala_git.errors import UsageError
from mandala_git.results import packing, reading, runs
from mandala_git.results.ids import lookup_key
from mandala_git.results.register import bindable
from mandala_git.results.store import Results


def rename_op(results: Results, op: int, key: str) -> int:
    """Let the calls and versions of an op be those of another key.

    Their history ids stay, so that nothing computed from them has to change.

    Args:
        results: where they are recorded.
        op: row of the op.
        key: the other key.

    Returns:
        How many calls that ran have it now.

    Raises:
        UsageError: calls are recorded under that key already; nothing was renamed.
        ResultsError: the database cannot be written; nothing was renamed.
    """
    with results.changing() as database:
        name = bindable(key)
        database.execute("INSERT OR IGNORE INTO ops (key) VALUES (?)", (name,))
        (other,) = database.execute("SELECT id FROM ops WHERE key = ?", (name,)).fetchone()
        sums = "SELECT ifnull(sum(calls), 0) FROM runs WHERE op = ?"
        ((moved,), (taken,)) = (database.execute(sums, (row,)).fetchone() for row in (op, other))
        if op == other:
            return 0
        if taken:
            raise UsageError(
                f"{taken} call{'s are' * (taken > 1) or ' is'} recorded under {key} already",
                hint="Choose another name, or delete those first: storage.drop_calls(...).",
            )
        for table in ("runs", "versions"):
            database.execute(f"UPDATE {table} SET op = ? WHERE op = ?", (other, op))
        results.runs.forget()
    return int(moved)


def rename_argument(
    results: Results,
    ops: Iterable[int],
    old: str,
    new: str,
    beside: Collection[tuple[str, bytes]] = (),
) -> int:
    """Let an argument of recorded calls have another name, under which they are then found.

    Their history ids stay, so that nothing computed from them has to change.

    Args:
        results: where they are recorded.
        ops: rows of the ops.
        old: the name.
        new: the other name.
        beside: what calls of the op are found by beside their arguments; see `ids.lookup_key`.

    Returns:
        How many calls have it now.

    Raises:
        UsageError: some call has an argument of the new name already; nothing was renamed.
        ResultsError: the database cannot be written; nothing was renamed.
    """
    with results.changing() as database:
        found: list[tuple[int, int, int]] = []
        for op in ops:
            found += database.execute(
                "SELECT id, first, last FROM runs WHERE op = ?", (op,)
            ).fetchall()
        return sum([_rename(database, results.runs, row, old, new, beside) for row in found])


def _rename(
    database: sqlite3.Connection,
    known: runs.Runs,
    row: tuple[int, int, int],
    old: str,
    new: str,
    beside: Collection[tuple[str, bytes]],
) -> int:
    number, first, last = row
    run = known.get(database, number)
    if run is None or old not in run.inputs or old == new:
        return 0
    if new in run.inputs:
        raise UsageError(
            f"recorded calls have an argument {new} beside {old} already",
            hint="Choose a name that none of them has.",
        )
    names = tuple(new if name == old else name for name in run.inputs)
    other, proof = runs.number_of(database, run.op, run.version, run.session, (names, run.outputs))
    rows = database.execute(
        f"SELECT {reading.COLUMNS} FROM calls c WHERE c.id BETWEEN ? AND ? AND c.run = ?",
        (first, last, number),
    ).fetchall()
    found: list[tuple[object, ...]] = []
    stale: list[tuple[bytes, int]] = []
    marks: list[tuple[bytes, int]] = []
    ran, seconds = 0, 0.0
    for each in rows:
        call = reading.opened(database, known, each)
        if call is None:
            continue
        contents = [edge.cid for edge in call.inputs()]
        short, stored, key = each[6], each[7], call.key
        # Calls that nobody finds, or by rounded numbers only, keep the key that they have.
        if key == lookup_key([*zip(run.inputs, contents, strict=True), *beside]):
            stale.append((packing.mark_of_call(key), call.id))
            key = lookup_key([*zip(names, contents, strict=True), *beside])
            short = packing.short_key(call.hid, key)
            marks += [(mark, call.id) for mark in call.marks(key)]
        edges = packing.unsealed(stored, call.hid, each[6], each[4], run.proof)
        assert edges is not None
        sealed_ = packing.sealed(edges, call.hid, short, each[4], proof)
        found.append((other, short, sealed_, call.id))
        if each[4] is None:
            ran += 1
            seconds += each[3] / 1e6
    if found:
        database.executemany("UPDATE calls SET run = ?, key = ?, edges = ? WHERE id = ?", found)
        database.executemany("DELETE FROM marks WHERE mark = ? AND call = ?", stale)
        database.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?)", marks)
        runs.add(database, other, runs.Sum(first, last, ran, seconds))
        database.execute(
            "UPDATE runs SET calls = calls - ?, seconds = max(0, seconds - ?) WHERE id = ?",
            (ran, seconds, number),
        )
    return len(found)
