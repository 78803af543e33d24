"""The edges of a call as bytes: what it was given and what it returned, in its own row.

An edge is a head byte and what it announces: a small value itself, as the bytes that its content
id is the hash of, or else its content id; then its history id where that is not the one which
follows from the content (of an argument) or from the call (of an output). Names of edges are in
the row of the run that the call belongs to. A checksum tells a damaged row from a true one:
of what is not stored, but follows, one flipped bit would make another thing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from typing import Any

from blake3 import blake3

from mandala_git.results import atoms
from mandala_git.results.atoms import ATOMS
from mandala_git.results.calls import Edge, NewCall
from mandala_git.results.ids import ID_SIZE, MARK, SCHEME, cid, output_hid, value_hid

SMALL = 32
"""Bytes of a canonical encoding up to which a value lies in the call itself."""

_INT = 64
"""A head from here on: an int of so many bytes more, little-endian."""

_CONTENT = 127
"""The head of a content id."""

_HISTORY = 128
"""Added to a head that a history id follows."""

_CHECKSUM = 4

_sizes = struct.Struct("<qQQ").pack
_HEADS = [bytes((head,)) for head in range(256)]
_SIZED = frozenset({str, bytes, bytearray})
_int = ATOMS[int]
_edge = partial(tuple.__new__, Edge)  # several for each call that is read


def small(value: Any) -> bytes | None:
    """Return a small value as it lies in a call, head and all; None if it is not one."""
    kind = type(value)
    if kind is int:
        size: int = (value.bit_length() + 8) // 8
        if size <= 8:
            number: bytes = value.to_bytes(size, "little", signed=True)
            return _HEADS[_INT + size] + number
    if kind not in ATOMS or (kind in _SIZED and len(value) > SMALL):
        return None
    data = ATOMS[kind](value)
    return _HEADS[len(data)] + data if len(data) <= SMALL else None


def value_of(packed: bytes) -> Any:
    """Return the value that `small` made these bytes of."""
    if packed[0] < _INT:
        return atoms.read(packed[1:])
    return int.from_bytes(packed[1:], "little", signed=True)


def content_of(packed: bytes) -> bytes:
    """Return the content id of an edge's bytes, without its history id."""
    head = packed[0]
    if head == _CONTENT:
        return packed[1:]
    if head > _INT:
        data = _int(int.from_bytes(packed[1:], "little", signed=True))
        return blake3(SCHEME + data).digest(length=ID_SIZE)
    return blake3(SCHEME + packed[1:]).digest(length=ID_SIZE)


def holds_value(packed: bytes) -> bool:
    """Say whether the bytes of an edge are a value, not its content id."""
    return packed[0] != _CONTENT


class Packing:
    """The edges of a call on their way into the database.

    Args:
        call: the call.

    Attributes:
        data: the edges as bytes.
        marks: what the call is to be found by.
        values: {content id: bytes} of the small values in it.
        inputs, outputs: places of those edges whose values are not in it.
    """

    __slots__ = ("data", "inputs", "marks", "outputs", "values")

    def __init__(self, call: NewCall) -> None:
        hid = call.hid
        self.data = b""
        self.marks = marks = {mark_of_call(call.key), mark_of_call(hid)}
        self.values: dict[bytes, bytes] = {}
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        for place, (_, history, content, value) in enumerate(call.inputs):
            marks.add(mark_of_input(history))
            follows = history == value_hid(content)
            if not follows:
                marks.add(mark_of_content(content))
            if not self._add(content, value, None if follows else history):
                self.inputs.append(place)
        for place, (name, history, content, value) in enumerate(call.outputs):
            marks.add(mark_of_content(content))
            follows = history == output_hid(hid, name)
            if not follows:
                marks.add(mark_of_call(history))
            if not self._add(content, value, None if follows else history):
                self.outputs.append(place)

    def _add(self, content: bytes, value: Any, history: bytes | None) -> bool:
        """Add an edge; say whether its value is in it now."""
        packed = small(value)
        # Whoever hands in another id than the value's own means something by it.
        inside = packed is not None and cid(value) == content
        if packed is None or not inside:
            packed = _HEADS[_CONTENT] + content
        else:
            self.values[content] = packed
        if history is not None:
            packed = _HEADS[packed[0] + _HISTORY] + packed[1:] + history
        self.data += packed
        return inside


# Three things are looked for by hash, each by other bytes of it, so that what is often found in one
# way is not in the way of another.


def mark_of_call(hid: bytes) -> bytes:
    """Return the bytes by which a call is found from its key, its history id or an output's."""
    return hid[:MARK]


def mark_of_input(hid: bytes) -> bytes:
    """Return the bytes by which a call is found from the history id of an argument."""
    return hid[MARK : 2 * MARK]


def mark_of_content(content: bytes) -> bytes:
    """Return the bytes by which a call is found from what it returned.

    So is one that was given an output of another, for that may be recorded elsewhere.
    """
    return content[2 * MARK : 3 * MARK]


def short_key(hid: bytes, key: bytes) -> bytes:
    """Return what is stored of a lookup key beside a history id."""
    return key[MARK:] if key[:MARK] == hid[:MARK] else key


def whole_key(hid: bytes, stored: bytes) -> bytes:
    """Return the lookup key of which `short_key` was stored."""
    return stored if len(stored) == ID_SIZE else hid[:MARK] + stored


def sealed(edges: bytes, hid: bytes, key: bytes, alias_of: int | None, proof: bytes) -> bytes:
    """Return edges with the checksum of what a row says.

    Args:
        edges: as `Packing` made them.
        hid: history id of the call.
        key: as `short_key` made it.
        alias_of: row of the call whose outputs these are.
        proof: of its run.
    """
    return edges + _checksum(edges, hid, key, alias_of, proof)


def unsealed(
    stored: bytes, hid: bytes, key: bytes, alias_of: int | None, proof: bytes
) -> bytes | None:
    """Return the edges that `sealed` was given; None when something is damaged."""
    try:
        edges = stored[:-_CHECKSUM]
        whole = _checksum(edges, hid, key, alias_of, proof) == stored[-_CHECKSUM:]
    except (TypeError, struct.error):  # a flipped bit made another type of a column
        return None
    return edges if whole else None


def _checksum(edges: bytes, hid: bytes, key: bytes, alias_of: int | None, proof: bytes) -> bytes:
    begin = begins(proof, alias_of, len(hid), len(key))
    return blake3(begin + hid + key + edges).digest(length=_CHECKSUM)


def begins(proof: bytes, alias_of: int | None, hid: int, key: int) -> bytes:
    """Return what stands before history id, key and edges under the checksum of a row.

    Args:
        proof: of its run.
        alias_of: row of the call whose outputs these are.
        hid, key: how long these are.
    """
    return proof + _sizes(-1 if alias_of is None else alias_of, hid, key)


def split(edges: bytes, skipped: int = 0) -> list[tuple[bytes, bytes | None]]:
    """Return (bytes without history id, history id where it has one) of each edge.

    Args:
        edges: as `Packing` made them.
        skipped: how many of the first are left out.
    """
    found: list[tuple[bytes, bytes | None]] = []
    place, end = 0, len(edges)
    while place < end:
        head = edges[place]
        bare = head & 127
        start = place
        place += 1 + (bare if bare < _INT else bare - _INT if bare < _CONTENT else ID_SIZE)
        if head < _HISTORY:
            if not skipped:
                found.append((edges[start:place], None))
        else:
            place += ID_SIZE
            if not skipped:
                packed = _HEADS[bare] + edges[start + 1 : place - ID_SIZE]
                found.append((packed, edges[place - ID_SIZE : place]))
        if skipped:
            skipped -= 1
    return found


def input_edges(parts: Sequence[tuple[bytes, bytes | None]], names: Sequence[str]) -> list[Edge]:
    """Return the arguments of a call, from as many parts of `split`."""
    found = []
    for place, ((packed, hid), name) in enumerate(zip(parts, names, strict=True)):
        content = content_of(packed)
        history = value_hid(content) if hid is None else hid
        found.append(_edge((name, place, history, content)))
    return found


def output_edges(
    parts: Sequence[tuple[bytes, bytes | None]], names: Sequence[str], call: bytes
) -> list[Edge]:
    """Return the outputs of a call, from as many parts of `split`."""
    found = []
    for place, ((packed, hid), name) in enumerate(zip(parts, names, strict=True)):
        history = output_hid(call, name) if hid is None else hid
        found.append(_edge((name, place, history, content_of(packed))))
    return found
