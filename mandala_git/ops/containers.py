"""Containers as structural values: Refs of lists, dicts, sets and tuples whose elements are Refs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import index
from typing import Any

from mandala_git.errors import ValueLost
from mandala_git.ops.intact import Watch, content_of
from mandala_git.ops.refs import Ref, unwrap
from mandala_git.results import containers, histories
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import cid
from mandala_git.results.naming import Found
from mandala_git.results.store import Results
from mandala_git.results.structures import NAMES, Structure

_FEW = 6
"""Elements that a repr shows."""


class CollectionRef(Ref):
    """A Ref of a container whose elements are Refs of their own.

    What is asked for is loaded, and no more: an element when its value is needed, all of them
    when the value of the container is.
    """

    __slots__ = ("_elements", "_hids", "_structure")

    kind = ""
    """Name of the kind of container."""

    name = ""
    """How a repr calls it."""

    def __init__(
        self,
        hid: bytes,
        cid: bytes,
        loader: Any,
        value: Any = MISSING,
        structure: Structure | None = None,
    ) -> None:
        super().__init__(hid, cid, loader, value)
        self._structure = structure
        self._hids: list[bytes] | None = None
        self._elements: dict[int, Ref] = {}

    @property
    def structure(self) -> Structure:
        """What the container holds, loaded when it is not here yet."""
        structure = self.at_hand_or_stored()
        if structure is None:
            super().load()  # it is made anew, or this says why not
            structure = self._structure = containers.structure_of(_store(self._loader), self.cid)
        return structure

    @property
    def whole(self) -> Structure:
        """The same, with all that is nested in it at hand."""
        structure = self.structure
        if structure.nested:
            structure = self._structure = containers.unfolded(_store(self._loader), structure)
        return structure

    @property
    def at_hand(self) -> Structure | None:
        """What the container holds if that may have to be recorded; None: it is stored."""
        structure = self._structure
        return structure if structure is not None and structure.origin is not None else None

    def at_hand_or_stored(self) -> Structure | None:
        """Return what the container holds if that is to be had without making it anew."""
        if self._structure is None:
            with suppress(ValueLost):
                self._structure = containers.structure_of(_store(self._loader), self.cid)
        return self._structure

    def element(self, place: int) -> Ref:
        """Return the Ref of an element."""
        found = self._elements.get(place)
        if found is None:
            structure = self.structure
            if self._hids is None:
                self._hids = histories.element_histories(_store(self._loader), self.hid, structure)
            hid, content = self._hids[place], structure.content(place)
            value = structure.values[place]
            kind = structure.nested.get(place)
            if kind is not None:
                inner = value if type(value) is Structure else None
                found = collection(kind, hid, content, self._loader, inner)
            else:
                found = Ref(hid, content, self._loader, value)
            self._elements[place] = found
        return found

    def elements(self) -> list[Ref]:
        """Return the Refs of all elements."""
        return [self.element(place) for place in range(len(self.structure))]

    def adopt(self, parts: Iterable[Any]) -> None:
        """Take those Refs for elements that the container was built of."""
        for place, part in enumerate(parts):
            if isinstance(part, Ref) and self._hids_at(place) == part.hid:
                self._elements[place] = part

    def _hids_at(self, place: int) -> bytes | None:
        hids = self.structure.hids
        return None if hids is None else hids[place]

    def change(self, value: Any) -> None:
        """Let a container be the value that was handed out and changed in place."""
        self._value = value
        self.expose()

    def __reduce__(self) -> tuple[Any, ...]:
        from mandala_git.ops.sending import sent_collection

        return sent_collection(self, self._loader)

    # As a value -----------------------------------------------------------------------------

    def load(self) -> Any:
        """Return the container, a plain one, to somebody who will not change it in place."""
        if self._value is MISSING:
            structure = self._structure
            if structure is not None and structure.origin is not None:
                elements = self.elements()
                fetch(elements)
                self._value = structure.filled([element.load() for element in elements])
            else:
                super().load()
        return self._value

    def _is_value(self, obj: Any) -> bool:
        """Say whether an object is what the content id says."""
        return Watch(self.whole, obj).intact()

    def meet(self, found: Found, path: str) -> None:
        """Let the classes in those elements count that somebody looked at here."""
        if self.in_memory:
            cid(self.load(), found=found, path=path)
        for place, element in self._elements.items():
            element.meet(found, f"{path}[{place}]")

    def under(self, hid: bytes, loader: Any) -> Ref:
        """Return a Ref of the same container with another history."""
        structure = None if self._structure is None else self._structure.lasting()
        if structure is not None:
            structure.forget_history()
        return type(self)(hid, self.cid, loader, MISSING, structure)

    def attach(self) -> None:
        """Load all elements."""
        elements = self.elements()
        fetch(elements)
        for element in elements:
            if isinstance(element, CollectionRef):
                element.attach()
            elif not element.in_memory:
                element.load()

    # As Python's own containers ----------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.structure)

    def __bool__(self) -> bool:
        return bool(len(self.structure))

    def __iter__(self) -> Any:
        return iter(self.elements())

    def __contains__(self, item: Any) -> bool:
        content = item.cid if isinstance(item, Ref) else content_of(item)
        if content is not None and content in self.structure.contents():
            return True
        return unwrap(item) in self.load()

    def __eq__(self, other: object) -> Any:
        if type(other) is type(self):
            return self.cid == other.cid
        return self.load() == unwrap(other)

    def __ne__(self, other: object) -> Any:
        return not self == other

    __hash__ = Ref.__hash__

    def __repr__(self) -> str:
        if self._structure is None:
            return f"{self.name}(hid={self._mark}..., in_memory=False)"
        return f"{self.name}({self._shown_elements()}, hid={self._mark}...)"

    def _shown_elements(self) -> str:
        structure = self.structure
        shown = [repr(self.element(place)) for place in range(min(len(structure), _FEW))]
        if structure.keys is not None:
            shown = [f"{key!r}: {each}" for key, each in zip(structure.keys, shown, strict=False)]
        if len(structure) > _FEW:
            shown.append("...")
        inside = ", ".join(shown)
        if structure.kind is list:
            return f"[{inside}]"
        if structure.kind is tuple:
            return f"({inside},)" if len(structure) == 1 else f"({inside})"
        return f"{{{inside}}}" if structure.kind is dict or shown else "set()"

    def _repr_html_(self) -> str:
        """Show the first elements as a notebook shows them; load nothing."""
        from html import escape

        if self._structure is None:
            return f"<code>{escape(repr(self))}</code>"
        structure = self.structure
        rows = []
        for place in range(min(len(structure), _FEW)):
            key = place if structure.keys is None else structure.keys[place]
            label = "" if structure.kind is set else f"<td><code>{escape(repr(key))}</code></td>"
            rows.append(f"<tr>{label}<td>{self.element(place)._repr_html_()}</td></tr>")
        if len(structure) > _FEW:
            rows.append(f"<tr><td>... {len(structure)} in all</td></tr>")
        below = escape(f"{self.name}(hid={self._mark}...)")
        return f"<table>{''.join(rows)}</table><code>{below}</code>"


class _SequenceRef(CollectionRef):
    __slots__ = ()

    def __getitem__(self, item: Any) -> Any:
        item = unwrap(item)
        count = len(self.structure)
        if isinstance(item, slice):
            return self.structure.kind([self.element(at) for at in range(count)[item]])
        place = index(item)
        if not -count <= place < count:
            raise IndexError(f"{self.structure.kind.__name__} index out of range")
        return self.element(place % count)

    def __reversed__(self) -> Iterator[Ref]:
        return reversed(self.elements())


class ListRef(_SequenceRef):
    """A Ref of a list whose elements are Refs: `ref[i]` is one, `ref[a:b]` a list of them."""

    __slots__ = ()
    kind = "MList"
    name = "ListRef"


class TupleRef(_SequenceRef):
    """A Ref of a tuple whose elements are Refs: `ref[i]` is one, `ref[a:b]` a tuple of them."""

    __slots__ = ()
    kind = "MTuple"
    name = "TupleRef"


class SetRef(CollectionRef):
    """A Ref of a set whose elements are Refs; iteration goes by content, the same everywhere."""

    __slots__ = ()
    kind = "MSet"
    name = "SetRef"

    def __getitem__(self, item: Any) -> Any:
        raise TypeError("a set has no elements by place or key; iterate over its SetRef")


class DictRef(CollectionRef):
    """A Ref of a dict whose values are Refs: `ref[key]` is one; keys are plain."""

    __slots__ = ("_places",)
    kind = "MDict"
    name = "DictRef"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._places: dict[Any, int] | None = None

    def _place(self, key: Any) -> int | None:
        if self._places is None:
            self._places = {key: at for at, key in enumerate(self.structure.keys or ())}
        return self._places.get(unwrap(key))

    def __getitem__(self, key: Any) -> Any:
        place = self._place(key)
        if place is None:
            raise KeyError(key)
        return self.element(place)

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the Ref of a key's value, or `default` where there is no such key."""
        place = self._place(key)
        return default if place is None else self.element(place)

    def keys(self) -> list[Any]:
        """Return the keys, in order."""
        return list(self.structure.keys or ())

    def values(self) -> list[Ref]:
        """Return the Refs of the values, in order."""
        return self.elements()

    def items(self) -> list[tuple[Any, Ref]]:
        """Return (key, Ref of its value), in order."""
        return list(zip(self.keys(), self.elements(), strict=True))

    def __iter__(self) -> Any:
        return iter(self.keys())

    def __contains__(self, key: Any) -> bool:
        return self._place(key) is not None


_REFS = {cls.kind: cls for cls in (ListRef, TupleRef, SetRef, DictRef)}


def collection(
    kind: str, hid: bytes, content: bytes, loader: Any, structure: Structure | None = None
) -> CollectionRef:
    """Return the Ref of a container.

    Args:
        kind: name of its kind.
        hid: history id.
        content: content id.
        loader: where it is stored.
        structure: what it holds; None: as stored.
    """
    return _REFS[kind](hid, content, loader, MISSING, structure)


def collection_of(structure: Structure, loader: Any) -> CollectionRef:
    """Return the Ref of a container that was built, with the Refs in it for elements."""
    assert structure.hid is not None
    ref = collection(structure.name, structure.hid, structure.cid, loader, structure)
    if structure.kind is not set:
        origin = structure.origin
        ref.adopt(origin.values() if structure.keys is not None else origin)
    return ref


def _store(loader: Any) -> Results:
    """Return the store that a Ref is loaded from, in a process to which it was sent, too."""
    return loader if isinstance(loader, Results) else loader.results()


def fetch(refs: Iterable[Ref]) -> None:
    """Load the values of many Refs at once; what is lost stays to be loaded one by one."""
    lazy: dict[int, list[Ref]] = {}
    for ref in refs:
        if not ref.in_memory and not (isinstance(ref, CollectionRef) and ref.at_hand):
            lazy.setdefault(id(ref._loader), []).append(ref)
    for some in lazy.values():
        if len(some) > 1:
            store = _store(some[0]._loader)
            for ref, value in zip(
                some, containers.load_all(store, [r.cid for r in some]), strict=True
            ):
                ref._value = value


def fetch_inside(obj: Any) -> None:
    """Load the Refs in a container at once."""
    found, todo, seen = [], [obj], {id(obj)}
    while todo:
        each = todo.pop()
        for part in each.values() if type(each) is dict else each:
            if isinstance(part, Ref):
                found.append(part)
            elif type(part) in NAMES and id(part) not in seen:
                seen.add(id(part))
                todo.append(part)
    fetch(found)
