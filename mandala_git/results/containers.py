"""Containers in a store of results: all of one is stored and loaded set-wise.

Whatever the number of elements, a few statements of SQL say which are stored already, write the
others, and read them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mandala_git.errors import UnstorableValue, ValueLost
from mandala_git.results import codecs, packing
from mandala_git.results.calls import MISSING
from mandala_git.results.structures import Structure, is_small
from mandala_git.results.values import sealed, unsealed

if TYPE_CHECKING:
    from mandala_git.results.contents import Contents
    from mandala_git.results.store import Results

_SOME = 256
"""Containers that are looked at together when all of them are."""

_FETCH = """WITH RECURSIVE places (at) AS (
        SELECT 0 UNION ALL SELECT at + 1 FROM places WHERE at + 1 < ?)
    SELECT v.cid, v.codec, {data} FROM places CROSS JOIN vals v
    ON v.cid = substr(?, at * 16 + 1, 16)"""


def keep(results: Contents, structure: Structure, path: str) -> None:
    """Let a container wait to be stored with the call that it belongs to.

    Args:
        results: where.
        structure: the container. What is at hand of it is stored; where it has a history of
            its own, that is recorded.
        path: how to call it in an error message.

    Raises:
        UnstorableValue: an element cannot be stored; the container is kept, by id for that one.
    """
    buffer, refused = results._buffer, None
    kept: dict[bytes, tuple[Structure, str]] = {}
    wanted: dict[bytes, tuple[Any, str]] = {}
    for each, where in structure.levels(path):
        if each.hids is not None and each.hid is not None:
            buffer.add_container(each.hid, sealed(each.hid, b"".join(each.hids)))
        if not each.stored:
            continue
        kept.setdefault(each.cid, (each, where))
        for place, value in enumerate(each.values):
            if place not in each.nested and not is_small(value):
                wanted.setdefault(each.content(place), (value, f"{where}[{each.key(place)}]"))
    there = _stored(results, [*wanted, *kept])
    small: dict[bytes, Any] = {}
    for content, (value, where) in wanted.items():
        if there.get(content):
            continue
        if value is MISSING:
            packed = results._small_value(content)
            if packed is not None:
                small[content] = packing.value_of(packed)
            continue
        try:
            buffer.add_value(results._row(content, value, where), repair=content in there)
            results._damaged.discard(content)
        except UnstorableValue as error:
            refused = refused or error
    for content, (each, where) in kept.items():
        if not there.get(content):
            row = results._row(content, each.completed(small), where)
            buffer.add_value(row, repair=content in there)
            results._damaged.discard(content)
    if refused is not None:
        raise refused


def _stored(results: Contents, contents: Collection[bytes]) -> dict[bytes, bool]:
    """Return which values have a row, or wait for one, and whether it is of any use."""
    found = {content: True for content in contents if results._buffer.value(content) is not None}
    asked = [content for content in contents if content not in found]
    for content, codec, in_file in _rows(results, asked, "v.data IS NULL"):
        found[content] = content not in results._damaged and (
            not in_file or results.value_files().exists(content, results.codec(codec))
        )
    return found


def _rows(
    results: Contents, contents: Collection[bytes], data: str
) -> list[tuple[bytes, int, Any]]:
    """Return (content id, codec, data) of the values that have a row, in one query."""
    if not contents:
        return []
    with results._using(flushed=False) as database:
        return database.execute(
            _FETCH.format(data=data), (len(contents), b"".join(contents))
        ).fetchall()


# Reading --------------------------------------------------------------------------------------


def kinds(results: Contents, contents: Sequence[bytes]) -> tuple[str | None, ...] | None:
    """Return the name of the kind of each value that is a container; None where none is."""
    found: dict[bytes, str] = {}
    for content in contents:
        waiting = results._buffer.value(content)
        if waiting is not None:
            found[content] = results.codec(waiting[0])
    for content, codec, _ in _rows(results, contents, "NULL"):
        found[content] = results.codec(codec)
    names = [found.get(content) for content in contents]
    names = [name if name in codecs.CONTAINERS else None for name in names]
    return tuple(names) if any(names) else None


def structure_of(results: Contents, content: bytes) -> Structure:
    """Return the structure of a container.

    Raises:
        ValueLost: it is not stored, or damaged, or no container.
    """
    found = structures_of(results, [content]).get(content)
    if found is None:
        raise ValueLost(
            f"the container {content.hex()} is not stored, or damaged",
            hint="Run the call that made it again.",
        )
    return found


def structures_of(results: Contents, contents: Iterable[bytes]) -> dict[bytes, Structure]:
    """Return the structures of those values that are containers and can be read."""
    found = {}
    for content, codec, data in _data(results, list(dict.fromkeys(contents))):
        if codec in codecs.CONTAINERS:
            with suppress(ValueLost):
                found[content] = Structure.read(
                    codec, content, _decoded(results, content, codec, data)
                )
    return found


def unfolded(results: Contents, structure: Structure) -> Structure:
    """Return a structure with all that is nested in it at hand."""
    places = [at for at in structure.nested if type(structure.values[at]) is not Structure]
    known = structures_of(results, [structure.content(at) for at in places])
    values = list(structure.values)
    for place in structure.nested:
        inner = known.get(structure.content(place), values[place])
        if type(inner) is Structure:
            values[place] = unfolded(results, inner) if inner.nested else inner
    return structure.with_values(values)


def _data(
    results: Contents, contents: Sequence[bytes]
) -> Iterator[tuple[bytes, str, bytes | None]]:
    """Yield (content id, codec, bytes; None: in a file) of the values that have a row."""
    rest = []
    with results.lock:
        for content in contents:
            waiting = results._buffer.value(content)
            if waiting is None:
                rest.append(content)
            else:
                yield content, results.codec(waiting[0]), waiting[1]
        for content, codec, data in _rows(results, rest, "v.data"):
            yield content, results.codec(codec), data


def _decoded(results: Contents, content: bytes, codec: str, data: bytes | None) -> Any:
    if data is None:
        return results.value_files().read(content, codec)
    bare = unsealed(content, data)
    if bare is None:
        results._damaged.add(content)
        raise ValueLost(
            f"the value {content.hex()} in {results.path} is damaged: its checksum does not match",
            hint="Run its call again.",
        )
    return codecs.decode(codec, bare)


def load_all(
    results: Contents,
    contents: Sequence[bytes],
    *,
    known: Mapping[bytes, Any] | None = None,
    recover: bool = True,
) -> list[Any]:
    """Return the values of content ids; those that can be changed are shared by no two.

    Args:
        results: where they are stored.
        contents: the content ids.
        known: values that are not stored, by content id.
        recover: have lost values made anew where that is possible.

    Raises:
        ValueLost: one is not stored, and was not made anew.
    """
    known = known or {}
    asked = {content for content in contents if content not in known}
    rows: dict[bytes, tuple[str, bytes | None]] = {}
    structures: dict[bytes, Structure] = {}
    while asked:
        for content, codec, data in list(_data(results, list(asked))):
            rows[content] = codec, data
        inside: set[bytes] = set()
        for content in asked:
            codec, data = rows.get(content, ("", None))
            if codec in codecs.CONTAINERS:
                try:
                    state = _decoded(results, content, codec, data)
                except ValueLost as lost:
                    known = {**known, content: _anew(results, content, lost, recover)}
                    continue
                structures[content] = each = Structure.read(codec, content, state)
                inside.update(each.outside())
        asked = inside - rows.keys() - known.keys()

    def value(content: bytes) -> Any:
        if content in known:
            return known[content]
        structure = structures.get(content)
        if structure is not None:
            values, cids = structure.values, structure._cids
            return structure.filled(
                v if v is not MISSING else value(c)  # type: ignore[arg-type]
                for v, c in zip(values, cids, strict=True)
            )
        row = rows.get(content)
        if row is None:
            return results.load(content, recover=recover)
        try:
            return _decoded(results, content, *row)
        except ValueLost as lost:
            return _anew(results, content, lost, recover)

    return [value(content) for content in contents]


def _anew(results: Contents, content: bytes, lost: ValueLost, recover: bool) -> Any:
    if results.recover is None or not recover:
        raise lost
    return results.recover(content, lost)


# Looking through all ------------------------------------------------------------------------


def any_structures(database: sqlite3.Connection) -> bool:
    """Say whether containers were ever stored here: most stores have none."""
    names = list(codecs.CONTAINERS)
    places = ",".join("?" * len(names))
    return bool(
        database.execute(f"SELECT 1 FROM codecs WHERE name IN ({places})", names).fetchone()
    )


def stored_containers(database: sqlite3.Connection) -> set[bytes]:
    """Return the content ids of all containers that are stored."""
    if not any_structures(database):
        return set()
    rows = database.execute(
        """SELECT v.cid FROM vals v JOIN codecs c ON c.id = v.codec WHERE c.name IN (?, ?, ?, ?)""",
        list(codecs.CONTAINERS),
    )
    return {content for (content,) in rows}


def holders(results: Contents, content: bytes) -> Iterator[Structure]:
    """Yield the stored containers that have an element; reads them all."""
    with results.looking() as database:
        found = sorted(stored_containers(database))
    for at in range(0, len(found), _SOME):
        for structure in structures_of(results, found[at : at + _SOME]).values():
            if content in structure.contents():
                yield structure


def small_element(results: Contents, content: bytes) -> Any:
    """Return a small value that lies in some container; MISSING where none has it."""
    for structure in holders(results, content):
        value = structure.values[structure.contents().index(content)]
        if value is not MISSING:
            return value
    return MISSING


def makers_of(results: Results, content: bytes) -> set[int]:
    """Return the calls that returned a value, by itself or in a container."""
    found: set[int] = set()
    seen, todo = {content}, [content]
    while todo:
        each = todo.pop()
        found.update(results.makers(each))
        for structure in holders(results, each):
            if structure.cid not in seen:
                seen.add(structure.cid)
                todo.append(structure.cid)
    return found


def lost_part(results: Contents, content: bytes, known: Mapping[bytes, Any]) -> bytes:
    """Return the content id of what of a value cannot be loaded: an element, or all of it."""
    structure = structures_of(results, [content]).get(content)
    for each in structure.outside() if structure is not None else ():
        try:
            load_all(results, [each], known=known, recover=False)
        except ValueLost:
            return lost_part(results, each, known)
    return content
