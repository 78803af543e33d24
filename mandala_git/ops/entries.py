"""Entries: calls by their arguments, in the table of this process and while they are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mandala_git.ops.arguments import Bound
from mandala_git.ops.given import EXACT, Given
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref
from mandala_git.ops.special import Ignore
from mandala_git.results.calls import Candidate, Edge
from mandala_git.results.store import Results
from mandala_git.results.structures import Structure
from mandala_git.versions.seen import Guard


class Entry:
    """A call of this process by its arguments.

    Attributes:
        guard: must hold.
        outputs: (hid, cid) in order.
        vid: version, for links of outer calls (hex).
        key: of the op.
        kinds: of each output that is a container the name of its kind; None: none is one.
    """

    __slots__ = ("guard", "key", "kinds", "outputs", "vid")

    def __init__(
        self,
        guard: Guard,
        outputs: tuple[tuple[bytes, bytes], ...],
        vid: str,
        key: str,
        kinds: tuple[str | None, ...] | None = None,
    ) -> None:
        self.guard = guard
        self.outputs = outputs
        self.vid = vid
        self.key = key
        self.kinds = kinds


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


def token_of(op: Op[..., Any], values: Iterable[Any], names: Iterable[str] = ()) -> object | None:
    """Return what tells a call from others in this process, None if that takes a closer look.

    Args:
        op: the op.
        values: of its arguments, in order.
        names: of the arguments, where they are not always the same.
    """
    # Each part says how to read what follows: a type that a value or nothing does, bytes alone.
    parts: list[object] = [op, *names]
    for value in values:
        kind = type(value)
        if kind in EXACT:
            parts += (kind, value)
        elif kind is Ref and not value.changeable:
            parts.append(value.hid)
        elif kind is float:
            parts += (kind, value.hex())
        elif kind is Ignore:
            parts.append(kind)
        elif isinstance(value, Ref) and not value.changeable:
            parts.append(value.hid)
        else:
            return None
    return tuple(parts)


def token_of_bound(op: Op[..., Any], bound: Bound) -> object | None:
    """Return the token of a call whose arguments are bound, see `token_of`."""
    names = () if op.plan.names is not None else [name for name, _ in bound]
    return token_of(op, [value for _, value in bound], names)


def returned(refs: Sequence[Any]) -> Any:
    """Return outputs as the op returned them: one alone, none as None."""
    if len(refs) == 1:
        return refs[0]
    return tuple(refs) if refs else None


def refs_of(
    outputs: Sequence[tuple[bytes, bytes]], kinds: Sequence[str | None] | None, results: Results
) -> list[Ref]:
    """Return the Refs of the outputs of a call that was found.

    Args:
        outputs: (history id, content id) of each.
        kinds: see `Entry`.
        results: where it is recorded.
    """
    if kinds is None:
        return [Ref(hid, content, results) for hid, content in outputs]
    from mandala_git.ops.containers import collection

    return [
        Ref(hid, content, results) if kind is None else collection(kind, hid, content, results)
        for (hid, content), kind in zip(outputs, kinds, strict=True)
    ]


def refs_at(results: Results, edges: Sequence[Edge]) -> list[Ref]:
    """Return the Refs of what calls were given or returned."""
    from mandala_git.results.containers import kinds

    pairs = [(edge.hid, edge.cid) for edge in edges]
    return refs_of(pairs, kinds(results, [content for _, content in pairs]), results)


def output_container(hid: bytes, structure: Structure, results: Results) -> Ref:
    """Return the Ref of a container that a call just returned."""
    from mandala_git.ops.containers import collection

    return collection(structure.name, hid, structure.cid, results, structure)
