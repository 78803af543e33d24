"""What refers to what: who was given what a call returned, and which values a call needs.

Whoever deletes or collects asks here, and nowhere else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from mandala_git.results import packing, reading
from mandala_git.results.reading import Opened
from mandala_git.results.runs import Runs


def every_call(
    database: sqlite3.Connection, runs: Runs, after: int = 0, limit: int = -1
) -> Iterator[tuple[int, Opened | None]]:
    """Yield each call after a row, oldest first; None for one that is damaged."""
    rows = database.execute(
        f"SELECT {reading.COLUMNS} FROM calls c WHERE c.id > ? ORDER BY c.id LIMIT ?",
        (after, limit),
    )
    for row in rows:
        yield row[0], reading.opened(database, runs, row)


def followers(database: sqlite3.Connection, runs: Runs, calls: Iterable[Opened]) -> set[int]:
    """Return the rows of the calls that were given what some calls returned."""
    hids = {edge.hid for call in calls for edge in call.outputs()}
    return {row for taken in takers(database, runs, hids).values() for row, _ in taken}


def takers(
    database: sqlite3.Connection, runs: Runs, hids: Iterable[bytes]
) -> dict[bytes, list[tuple[int, str]]]:
    """Return the calls that were given each ref: {history id: [(call, argument)]}."""
    return reading.touching(database, runs, hids, packing.mark_of_input, Opened.inputs)


def contents(call: Opened) -> list[bytes]:
    """Return the content ids of the values that a call needs, and that do not lie in it."""
    return [
        packing.content_of(packed) for packed, _ in call.parts if not packing.holds_value(packed)
    ]


def groups(database: sqlite3.Connection) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Return {call: its aliases} and {alias: its call}; to a lookup they are the same call."""
    aliases: dict[int, list[int]] = {}
    origin: dict[int, int] = {}
    for row, other in database.execute("SELECT id, alias_of FROM calls WHERE alias_of IS NOT NULL"):
        aliases.setdefault(other, []).append(row)
        origin[row] = other
    return aliases, origin
