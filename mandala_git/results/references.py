"""What refers to what: who was given what a call returned, and which values a call needs.

Whoever deletes or collects asks here, and nowhere else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from mandala_git.results import containers, histories, packing, reading
from mandala_git.results.reading import Opened
from mandala_git.results.runs import Runs

if TYPE_CHECKING:
    from mandala_git.results.contents import Contents

T = TypeVar("T")


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


def followers(database: sqlite3.Connection, results: Contents, calls: Iterable[Opened]) -> set[int]:
    """Return the rows of the calls that were given what some calls returned, or a part of it."""
    outputs = [(edge.hid, edge.cid) for call in calls for edge in call.outputs()]
    hids = histories.all_of(results, outputs)
    return {row for taken in takers(database, results.runs, hids).values() for row, _ in taken}


def takers(
    database: sqlite3.Connection, runs: Runs, hids: Iterable[bytes]
) -> dict[bytes, list[tuple[int, str]]]:
    """Return the calls that were given each ref: {history id: [(call, argument)]}.

    Also those that were given it in a container.
    """
    hids = set(hids)
    holders = histories.holding(database, hids)
    found = reading.touching(
        database, runs, hids | holders.keys(), packing.mark_of_input, Opened.inputs
    )
    for container, inside in holders.items():
        for hid in inside:
            found.setdefault(hid, []).extend(found.get(container, ()))
    return {hid: calls for hid, calls in found.items() if hid in hids and calls}


def contents(call: Opened) -> list[bytes]:
    """Return the content ids of the values that a call needs, and that do not lie in it."""
    return [
        packing.content_of(packed) for packed, _ in call.parts if not packing.holds_value(packed)
    ]


def inside(results: Contents, owners: Mapping[bytes, T]) -> dict[bytes, T]:
    """Return the elements of containers, and theirs: {content id: whose the container is}.

    Args:
        results: where they are stored.
        owners: {content id: whose it is} of values, containers or not.
    """
    found: dict[bytes, T] = {}
    with results.looking() as database:
        front = containers.stored_containers(database)
    todo = {content: owners[content] for content in front if content in owners}
    while todo:
        known = containers.structures_of(results, todo)
        more: dict[bytes, T] = {}
        for content, structure in known.items():
            for each in structure.outside():
                if each not in found and each not in owners:
                    found[each] = more[each] = todo[content]
        todo = {content: owner for content, owner in more.items() if content in front}
    return found


def groups(database: sqlite3.Connection) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Return {call: its aliases} and {alias: its call}; to a lookup they are the same call."""
    aliases: dict[int, list[int]] = {}
    origin: dict[int, int] = {}
    for row, other in database.execute("SELECT id, alias_of FROM calls WHERE alias_of IS NOT NULL"):
        aliases.setdefault(other, []).append(row)
        origin[row] = other
    return aliases, origin
