"""What a call is given: its inputs, by which it is found, and what its function gets for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mandala_git.ops.arguments import Bound
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref, bared, holds, unwrap
from mandala_git.ops.special import Ignore, NewArgDefault, ValuePointer
from mandala_git.records import NamedTuple
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import Found, cid, rounded_cid, value_hid

EXACT = frozenset({int, bool, str, bytes, type(None)})
"""Types whose equal instances no function can tell apart (a float has two zeros)."""


class Input(NamedTuple):
    """One input of a call: an argument or a captured value.

    Attributes:
        name: of the argument.
        hid: history id.
        cid: content id.
        value: MISSING when it would have to be loaded.
    """

    name: str
    hid: bytes
    cid: bytes
    value: Any


_input = partial(tuple.__new__, Input)


class Given:
    """What a call is given.

    Args:
        op: the op.
        bound: its arguments and captured values.
        transient: {content id of an output that is not stored: whether that is no hash of it}.

    Attributes:
        bound: the same.
        kept: those of them that are part of the call.
        inputs: what each of these is.
        special: {name: what the function gets} where that is not the value of an input.
        met: the functions and classes inside plain values.
        exact: whether all of them are of types in `EXACT`.
    """

    __slots__ = ("bound", "exact", "inputs", "kept", "met", "special", "transient")

    def __init__(self, op: Op[..., Any], bound: Bound, transient: Mapping[bytes, bool]) -> None:
        self.transient = transient
        self.bound = self.kept = bound
        self.met = Found()
        self.special: dict[str, Any] = {}
        self.inputs: list[Input] = []
        self.exact = True
        for name, value in bound:
            if type(value) in EXACT:
                content = cid(value)
                self.inputs.append(_input((name, value_hid(content), content, value)))
            else:
                self.exact = False
                self._add(op, name, value)
        if self.special:
            names = {each.name for each in self.inputs}
            self.kept = tuple([pair for pair in bound if pair[0] in names])

    def _add(self, op: Op[..., Any], name: str, value: Any) -> None:
        if type(value) is NewArgDefault:
            value = value.value
        if type(value) is Ignore:
            self.special[name] = value.held()
            return
        path = f"{op.name}: argument {name}"
        if isinstance(value, Ref):
            known, hid, content = value.load() if value.in_memory else MISSING, value.hid, value.cid
            if value.changeable and not self.transient.get(content):
                content = cid(known, found=self.met, path=path)
                if content != value.cid:  # changed in place since: it has no history now
                    hid = value_hid(content)
            self.inputs.append(Input(name, hid, content, known))
            return
        known = bared(value)
        if known is not value and (type(known) is ValuePointer or holds_pointers(known)):
            self.special[name] = unwrap(value)
        content = cid(known, found=self.met, path=path)
        self.inputs.append(Input(name, value_hid(content), content, known))

    def values(self) -> list[Any]:
        """Return what the function gets for each argument that is kept; Refs are loaded."""
        if self.exact:
            return [value for _, value in self.bound]
        values = [
            value.load() if isinstance(value, Ref) else given.value
            for given, (_, value) in zip(self.inputs, self.kept, strict=True)
        ]
        if self.special:
            names = [name for name, _ in self.kept]
            values = [
                self.special.get(name, value) for name, value in zip(names, values, strict=True)
            ]
        return values

    def passed(self, values: list[Any]) -> list[Any]:
        """Return what the function gets for each argument, from `values`."""
        if not self.special:
            return values
        kept = {name: value for (name, _), value in zip(self.kept, values, strict=True)}
        return [kept[n] if n in kept else self.special[n] for n, _ in self.bound]

    def ignored(self, name: str) -> bool:
        """Tell whether the call has an argument that is no part of it."""
        return name in self.special and all(each.name != name for each in self.inputs)


def is_default(default: Any, content: bytes) -> bool:
    """Tell whether an input is what its parameter has by default."""
    return type(default) is not Ignore and cid(bared(default)) == content


def holds_pointers(known: Any) -> bool:
    """Tell whether what is recorded of an argument has a pointer in it."""
    return isinstance(known, list | tuple | dict | set) and holds(known)


def rounded(given: Input, digits: int, load: Callable[[bytes], Any]) -> bytes:
    """Return the id by which an input is looked up where floats count to so many digits.

    What surely has no float in it keeps its content id.
    """
    value = load(given.cid) if given.value is MISSING else given.value
    return given.cid if type(value) in EXACT else rounded_cid(value, digits)
