"""Whether containers that functions got are what they were: those may have changed them in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mandala_git.errors import UnhashableValue
from mandala_git.ops.refs import Held, holds
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import cid
from mandala_git.results.naming import Found
from mandala_git.results.structures import NAMES, Structure


def content_of(item: Any) -> bytes | None:
    """Return the content id of an object, None where it has none."""
    try:
        return cid(item)
    except UnhashableValue:
        return None


class Watch:
    """A container that a function got, and that it may have changed in place.

    Args:
        structure: what it holds.
        value: the plain container.
        met: collects the classes of elements that came as Refs, whose ids hide them.
        transient: content ids that are no hash of their values.
    """

    __slots__ = ("_parts", "_structure", "_transient", "_value")

    def __init__(
        self,
        structure: Structure,
        value: Any,
        met: Found | None = None,
        transient: Mapping[bytes, bool] | None = None,
    ) -> None:
        self._structure = structure
        self._value = value
        self._transient = transient or {}
        self._parts = _parts(structure, value)
        if met is not None:
            for place, part in enumerate(self._parts):
                known = structure.values[place] if structure.kind is not set else MISSING
                if type(part) not in CONSTANT and not _pointed(known):
                    cid(part, found=met)

    def intact(self) -> bool:
        """Say whether it is what it was."""
        return _is(self._structure, self._value, self._parts, self._transient)


def _pointed(known: Any) -> bool:
    """Say whether an element is a pointer, or is recorded with some in it."""
    return isinstance(known, Held) or (type(known) in NAMES and holds(known))


def _parts(structure: Structure, value: Any) -> list[Any]:
    return list(value.values() if structure.keys is not None else value)


def _is(
    structure: Structure,
    value: Any,
    before: Sequence[Any] | None,
    transient: Mapping[bytes, bool],
) -> bool:
    kind: Any = structure.kind
    if type(value) is not kind or len(value) != len(structure):
        return False
    if structure.keys is not None and not all(
        now is then or content_of(now) == content_of(then)
        for now, then in zip(value, structure.keys, strict=True)
    ):
        return False
    parts = _parts(structure, value)
    if structure.kind is set:
        if structure.nested:  # tuples; whoever changes what is in a set takes out one and adds one
            return before is not None and set(map(id, parts)) == set(map(id, before))
        return sorted(content_of(part) or b"" for part in parts) == structure.contents()
    for place, part in enumerate(parts):
        known = structure.values[place]
        if before is not None and part is before[place] and type(part) in CONSTANT:
            continue
        if place in structure.nested:
            if type(known) is not Structure or not _is(known, part, None, transient):
                return False
        elif transient.get(structure.content(place)):
            continue
        elif _pointed(known):
            if content_of(known) != structure.content(place):  # beside the pointers in it
                return False
        elif content_of(part) != structure.content(place):
            return False
    return True
