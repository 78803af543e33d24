"""Entries: calls by their arguments, in the table of this process and while they are looked for."""

from __future__ import annotations

from typing import Any

from mandala_git.ops.arguments import Bound
from mandala_git.ops.given import EXACT, Given
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import Ignore
from mandala_git.records import NamedTuple
from mandala_git.results.calls import Candidate
from mandala_git.versions.seen import Guard


class Entry(NamedTuple):
    """A call of this process by its arguments.

    Attributes:
        guard: must hold.
        outputs: (hid, cid) in order.
        vid: version, for links of outer calls (hex).
        key: of the op.
    """

    guard: Guard
    outputs: tuple[tuple[bytes, bytes], ...]
    vid: str
    key: str


class Search:
    """A call that is looked for.

    Attributes:
        op: of the call.
        given: what it is given.
        token: of the call in the table.
        key: under which results have it.
        entry: what was found.
        candidates: the recorded calls that were looked at.
    """

    __slots__ = ("candidates", "entry", "given", "key", "op", "token")

    def __init__(
        self, op: Op[..., Any], given: Given, token: object, key: bytes, entry: Entry | None = None
    ) -> None:
        self.op = op
        self.given = given
        self.token = token
        self.key = key
        self.entry = entry
        self.candidates: list[Candidate] = []


def token_of(op: Op[..., Any], bound: Bound) -> object | None:
    """Return what tells a call from others in this process, None if that takes a closer look."""
    parts: list[object] = [op]
    if op.plan.names is None:  # else there are always the same
        parts.append(tuple([name for name, _ in bound]))
    for _, value in bound:
        kind = type(value)
        if kind in EXACT:
            parts.append((kind, value))
        elif kind is Ref and not value.changeable:
            parts.append(value.hid)
        elif kind is float:
            parts.append((kind, value.hex()))
        elif kind is Ignore:
            parts.append(kind)
        else:
            return None
    return tuple(parts)
