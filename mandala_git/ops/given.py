"""What a call is given: its inputs, by which it is found, and what its function gets for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mandala_git.ops.arguments import Bound
from mandala_git.ops.op import Op
from mandala_git.ops.refs import Ref, bared, holds, unwrap
from mandala_git.ops.special import Ignore, NewArgDefault, ValuePointer
from mandala_git.records import NamedTuple
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import Found, cid, rounded_cid, value_hid
from mandala_git.results.structures import NAMES, Structure

if TYPE_CHECKING:
    from mandala_git.ops.annotations import Specs

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


def unvalued(given: Input) -> Input:
    """Return an input of which the value is not to be stored; of a container the history is."""
    value = given.value
    kept = value.unvalued() if type(value) is Structure else MISSING
    return given._replace(value=kept)


class Given:
    """What a call is given.

    Args:
        op: the op.
        bound: its arguments and captured values.
        transient: {content id of an output that is not stored: whether that is no hash of it}.
        specs: what annotations say of its containers.

    Attributes:
        bound: the same.
        kept: those of them that are part of the call.
        inputs: what each of these is.
        special: {name: what the function gets} where that is not the value of an input.
        met: the functions and classes inside plain values.
        exact: whether all of them are of types in `EXACT`.
    """

    __slots__ = ("bound", "exact", "inputs", "kept", "met", "special", "transient")

    def __init__(
        self,
        op: Op[..., Any],
        bound: Bound,
        transient: Mapping[bytes, bool],
        specs: Specs | None = None,
    ) -> None:
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
                self._add(op, name, value, specs)
        if self.special:
            names = {each.name for each in self.inputs}
            self.kept = tuple([pair for pair in bound if pair[0] in names])

    def _add(self, op: Op[..., Any], name: str, value: Any, specs: Specs | None) -> None:
        if type(value) is NewArgDefault:
            value = value.value
        if type(value) is Ignore:
            self.special[name] = value.held()
            return
        path = f"{op.name}: argument {name}"
        if type(value) is Ref:
            known, hid, content = value.load() if value.in_memory else MISSING, value.hid, value.cid
            if value.changeable and not self.transient.get(content):
                content = cid(known, found=self.met, path=path)
                if content != value.cid:  # changed in place since: it has no history now
                    hid = value_hid(content)
            self.inputs.append(Input(name, hid, content, known))
            return
        if self._add_container(name, value, specs, path):
            return
        known = bared(value)
        if known is not value and (type(known) is ValuePointer or holds_pointers(known)):
            self.special[name] = unwrap(value)
        content = cid(known, found=self.met, path=path)
        self.inputs.append(Input(name, value_hid(content), content, known))

    def _add_container(self, name: str, value: Any, specs: Specs | None, path: str) -> bool:
        """Add an argument whose elements are values of their own; say whether it is one."""
        spec = specs.argument(name) if specs is not None else None
        if not isinstance(value, Ref) and (
            type(value) not in NAMES or not (spec or holds(value, Ref))
        ):
            return False
        from mandala_git.ops.apart import given_ref, structured

        if isinstance(value, Ref):
            self.inputs.append(Input(name, *given_ref(value, self.met, path, self.transient)))
            return True
        structure = structured(value, spec, self.met, path, self.transient)
        if structure is None or structure.hid is None:
            return False
        self.inputs.append(Input(name, structure.hid, structure.cid, structure))
        return True

    def values(self) -> list[Any]:
        """Return what the function gets for each argument that is kept; Refs are loaded."""
        if self.exact:
            return [value for _, value in self.bound]
        values = [
            value.load()
            if isinstance(value, Ref)
            else given.value
            if type(given.value) is not Structure
            else _plain(value, given.value)
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


def _plain(value: Any, structure: Structure) -> Any:
    """Return a container without Refs; its structure gets to know what was loaded for that."""
    if not holds(value):
        return value
    from mandala_git.ops.apart import absorb
    from mandala_git.ops.containers import fetch_inside

    fetch_inside(value)
    plain = unwrap(value)
    absorb(structure)
    return plain


def is_default(default: Any, name: str, content: bytes, specs: Specs | None) -> bool:
    """Tell whether an input is what its parameter has by default."""
    if type(default) is Ignore:
        return False
    return content_of_plain(default, name, specs) == content


def content_of_plain(value: Any, name: str, specs: Specs | None) -> bytes:
    """Return the content id of a plain value that is given for an argument."""
    spec = specs.argument(name) if specs is not None else None
    if type(value) in NAMES and (spec or holds(value, Ref)):
        from mandala_git.ops.apart import structured

        structure = structured(value, spec, Found(), name)
        if structure is not None:
            return structure.cid
    return value.cid if isinstance(value, Ref) else cid(bared(value))


def holds_pointers(known: Any) -> bool:
    """Tell whether what is recorded of an argument has a pointer in it."""
    return isinstance(known, list | tuple | dict | set) and holds(known)


def rounded(given: Input, digits: int, load: Callable[[bytes], Any]) -> bytes:
    """Return the id by which an input is looked up where floats count to so many digits.

    What surely has no float in it keeps its content id.
    """
    value = given.value
    if value is MISSING or type(value) is Structure:
        value = load(given.cid) if value is MISSING else _plain(value.origin, value)
    return given.cid if type(value) in EXACT else rounded_cid(value, digits)
