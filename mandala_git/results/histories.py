"""How containers came about: the history ids of their elements.

Those of a container that a call returned follow from its own; those of one that was built of Refs
are recorded with the call that it was given to; those of one of plain values follow from these.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mandala_git.results import packing, reading
from mandala_git.results.containers import any_structures, structures_of
from mandala_git.results.ids import ID_SIZE, element_hids, value_hid
from mandala_git.results.runs import Runs
from mandala_git.results.structures import Structure
from mandala_git.results.values import unsealed

if TYPE_CHECKING:
    from mandala_git.results.contents import Contents
    from mandala_git.results.store import Results


def histories(results: Contents, hids: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Return {history id: those of its elements} of the containers that calls were given.

    A container that a call returned is none of them, nor one of plain values.
    """
    found: dict[bytes, bytes] = {}
    rest = []
    for hid in dict.fromkeys(hids):
        waiting = results._buffer.container(hid)
        if waiting is None:
            rest.append(hid)
        else:
            found[hid] = waiting
    if rest:
        with results._using(flushed=False) as database:
            found.update(
                database.execute(
                    """WITH RECURSIVE places (at) AS (
                        SELECT 0 UNION ALL SELECT at + 1 FROM places WHERE at + 1 < ?)
                    SELECT c.hid, c.elements FROM places CROSS JOIN containers c
                    ON c.hid = substr(?, at * 16 + 1, 16)""",
                    (len(rest), b"".join(rest)),
                ).fetchall()
            )
    return {hid: cut for hid, data in found.items() if (cut := _cut(hid, data)) is not None}


def built_of(results: Contents, hids: Iterable[bytes]) -> dict[bytes, set[bytes]]:
    """Return {history id of a container: all that it was built of, however deep}."""
    known: dict[bytes, list[bytes]] = {}
    front = wanted = set(hids)
    while front:
        built = histories(results, front)
        known |= built
        front = {each for inside in built.values() for each in inside} - known.keys()
    found: dict[bytes, set[bytes]] = {}
    for hid in wanted & known.keys():
        todo, inside = [hid], set[bytes]()
        while todo:
            for each in known.get(todo.pop(), ()):
                if each not in inside:
                    inside.add(each)
                    todo.append(each)
        found[hid] = inside
    return found


def _cut(hid: bytes, data: bytes) -> list[bytes] | None:
    bare = unsealed(hid, data)
    if bare is None:
        return None
    return [bare[at : at + ID_SIZE] for at in range(0, len(bare), ID_SIZE)]


def element_histories(results: Contents, hid: bytes, structure: Structure) -> list[bytes]:
    """Return the history ids of the elements of a container.

    Args:
        results: where it is recorded.
        hid: history id of the container.
        structure: what it holds.
    """
    if structure.hids is not None and structure.hid == hid:
        return structure.hids
    if hid == value_hid(structure.cid):
        return [value_hid(content) for content in structure.contents()]
    known = histories(results, [hid]).get(hid)
    if known is not None and len(known) == len(structure):
        return known
    return element_hids(hid, len(structure))


def all_histories(database: sqlite3.Connection) -> Iterator[tuple[bytes, list[bytes] | None]]:
    """Yield (history id, those of its elements; None: damaged) of every recorded container."""
    for hid, data in database.execute("SELECT hid, elements FROM containers"):
        yield hid, _cut(hid, data)


def returned_elements(
    results: Contents, outputs: Iterable[tuple[bytes, bytes]]
) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """Return the elements of containers that calls returned, and theirs, as far as they go.

    Args:
        results: where they are recorded.
        outputs: (history id, content id) of outputs, containers or not.

    Returns:
        {history id of a container: (history id, content id) of each element}.
    """
    found: dict[bytes, list[tuple[bytes, bytes]]] = {}
    front = list(dict.fromkeys(outputs))
    while front:
        known = structures_of(results, [content for _, content in front])
        below = []
        for hid, content in front:
            structure = known.get(content)
            if structure is None:
                continue
            pairs = list(zip(element_hids(hid, len(structure)), structure.contents(), strict=True))
            found[hid] = pairs
            below += [pairs[place] for place in structure.nested]
        front = below
    return found


def makers_of_elements(
    results: Contents, hids: Iterable[bytes]
) -> dict[bytes, list[tuple[int, str]]]:
    """Return the calls that returned containers with some elements.

    Args:
        results: where they are recorded.
        hids: history ids of the elements.

    Returns:
        {history id of an element: [(call, output that it is in)]}.
    """
    wanted = set(hids)
    with results.looking() as database:
        if not any_structures(database):
            return {}
        # An element's id begins as that of its container does, which begins as its call's.
        marks = {packing.mark_of_call(hid) for hid in wanted}
        outputs = [
            (edge, call.id)
            for call in reading.marked(database, results.runs, marks)
            for edge in call.outputs()
        ]
    elements = returned_elements(results, [(edge.hid, edge.cid) for edge, _ in outputs])
    found: dict[bytes, list[tuple[int, str]]] = {}
    for edge, call in outputs:
        for hid, _ in below(elements, edge.hid):
            if hid in wanted:
                found.setdefault(hid, []).append((call, edge.label))
    return found


def content_of_element(results: Results, hid: bytes) -> bytes | None:
    """Return the content id of an element of a container that a call returned."""
    for call, label in makers_of_elements(results, [hid]).get(hid, ()):
        outputs = [(edge.hid, edge.cid) for edge in results.outputs(call) if edge.label == label]
        for pairs in returned_elements(results, outputs).values():
            for element, content in pairs:
                if element == hid:
                    return content
    return None


def below(
    elements: Mapping[bytes, Sequence[tuple[bytes, bytes]]], hid: bytes
) -> Iterator[tuple[bytes, bytes]]:
    """Yield (history id, content id) of all that is in a container, however deep."""
    todo = [hid]
    while todo:
        for pair in elements.get(todo.pop(), ()):
            yield pair
            if pair[0] in elements:
                todo.append(pair[0])


def all_of(results: Contents, outputs: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """Return the history ids of outputs, and of all that is in those that are containers."""
    outputs = list(outputs)
    found = {hid for hid, _ in outputs}
    with results.looking() as database:
        if not any_structures(database):
            return found
    for pairs in returned_elements(results, outputs).values():
        found.update(hid for hid, _ in pairs)
    return found


def holding(database: sqlite3.Connection, hids: Iterable[bytes]) -> dict[bytes, set[bytes]]:
    """Return the containers that were built of some values, and of such containers, and so on.

    Args:
        database: where they are recorded.
        hids: history ids of the values.

    Returns:
        {history id of a container: those of the values that are in it}.
    """
    wanted = set(hids)
    found: dict[bytes, set[bytes]] = {}
    if not wanted or not database.execute("SELECT 1 FROM containers").fetchone():
        return found
    rows = {hid: inside for hid, inside in all_histories(database) if inside is not None}
    above: dict[bytes, list[bytes]] = {}
    for hid, inside in rows.items():
        for each in set(inside):
            if each in wanted:
                found.setdefault(hid, set()).add(each)
            if each in rows:
                above.setdefault(each, []).append(hid)
    todo = list(found)
    while todo:
        hid = todo.pop()
        for outer in above.get(hid, ()):
            known = found.setdefault(outer, set())
            if not found[hid] <= known:
                known |= found[hid]
                todo.append(outer)
    return found


def idle(database: sqlite3.Connection, runs: Runs) -> list[bytes]:
    """Return the history ids of recorded containers that no call was given, nor one with them."""
    rows = dict(all_histories(database))
    live: set[bytes] = set()
    todo = list(
        reading.touching(database, runs, rows, packing.mark_of_input, reading.Opened.inputs)
    )
    while todo:
        hid = todo.pop()
        if hid not in live:
            live.add(hid)
            todo += [each for each in rows[hid] or () if each in rows]
    return [hid for hid in rows if hid not in live]
