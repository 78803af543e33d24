"""What a container holds whose elements are values of their own.

A structure says of a container its kind, its keys, and the content id of each element. Elements
that are small lie in it, as small values lie in their calls; others are stored by themselves, each
once, whatever containers have it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from mandala_git.results import codecs, packing
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import ID_SIZE, Found, cid, container_cid, container_hid, value_hid

NAMES: dict[type, str] = {kind: name for name, kind in codecs.CONTAINERS.items()}
"""The name of each kind of container: its codec."""


class Structure:
    """A container, one level deep. Lists of it are by place; nobody changes them.

    Attributes:
        kind: list, tuple, dict or set.
        keys: of a dict; None of others.
        cid: content id.
        hid: history id; None where it follows from a call.
        hids: of the elements, None where they follow from `hid`, or from a call.
        values: of the elements; a `Structure` for a container, MISSING where not at hand.
        nested: {place: name of its kind} of elements that are containers themselves.
        stored: whether what it holds is to be stored with a call.
        origin: the container that it was made of; None when it was read.
    """

    __slots__ = (
        "_cids",
        "cid",
        "hid",
        "hids",
        "keys",
        "kind",
        "nested",
        "origin",
        "stored",
        "values",
    )

    def __init__(
        self,
        kind: type,
        keys: Sequence[Any] | None,
        cids: list[bytes | None],
        values: Sequence[Any],
        nested: Mapping[int, str],
        content: bytes,
    ) -> None:
        self.kind = kind
        self.keys = keys
        self.cid = content
        self._cids = cids
        self.values = values
        self.nested = nested
        self.hid: bytes | None = None
        self.hids: list[bytes] | None = None
        self.stored = True
        self.origin: Any = None

    @classmethod
    def made(
        cls,
        kind: type,
        keys: Sequence[Any] | None,
        key_cids: Sequence[bytes],
        cids: Sequence[bytes],
        values: Sequence[Any],
        nested: Mapping[int, str],
        hids: Sequence[bytes] | None = None,
    ) -> Structure:
        """Return the structure of a container that was taken apart.

        Args:
            kind: list, tuple, dict or set.
            keys: of a dict.
            key_cids: their content ids.
            cids: of the elements, in any order if it is a set.
            values: of the elements.
            nested: {place: name of its kind} of containers in it.
            hids: of the elements; None: they have no history but their contents.
        """
        if kind is set:
            # Sorted, and what several Refs stand for is in it once.
            first: dict[bytes, int] = {}
            for place in sorted(range(len(cids)), key=lambda at: hids[at] if hids else b""):
                first.setdefault(cids[place], place)
            order = [first[content] for content in sorted(first)]
            cids, values = [cids[at] for at in order], [values[at] for at in order]
            hids = [hids[at] for at in order] if hids else None
            nested = {new: nested[old] for new, old in enumerate(order) if old in nested}
        content = container_cid(NAMES[kind], key_cids, cids)
        found = cls(kind, keys, list(cids), values, nested, content)
        if hids is None or all(h == value_hid(c) for h, c in zip(hids, cids, strict=True)):
            found.hid = value_hid(content)
        else:
            found.hid, found.hids = container_hid(content, hids), list(hids)
        return found

    def __len__(self) -> int:
        return len(self.values)

    @property
    def name(self) -> str:
        """The name of its kind."""
        return NAMES[self.kind]

    def content(self, place: int) -> bytes:
        """Return the content id of an element."""
        found = self._cids[place]
        if found is None:
            found = self._cids[place] = cid(self.values[place])
        return found

    def contents(self) -> list[bytes]:
        """Return the content ids of all elements."""
        return [self.content(place) for place in range(len(self.values))]

    def outside(self) -> list[bytes]:
        """Return the content ids of the elements that do not lie in it, as it was read."""
        return [content for content in self._cids if content is not None]

    def with_values(self, values: Sequence[Any], *, stored: bool = True) -> Structure:
        """Return the same with other values at hand."""
        found = Structure(self.kind, self.keys, self._cids, values, self.nested, self.cid)
        found.hid, found.hids, found.stored = self.hid, self.hids, stored
        found.origin = self.origin
        return found

    def lasting(self) -> Structure:
        """Return the same, as it was recorded, with values that nobody can change in place."""
        found = self.with_values([self._lasting(value) for value in self.values])
        found.origin = None
        return found

    @staticmethod
    def _lasting(value: Any) -> Any:
        if type(value) is Structure:
            return value.lasting()
        return value if type(value) in CONSTANT else MISSING

    def forget_history(self) -> None:
        """Let its history, and that of what is in it, follow from the call that returned it."""
        for each, _ in self.levels():
            each.hid = each.hids = None

    def unvalued(self) -> Structure:
        """Return the same, of which nothing but histories is to be recorded."""
        self.contents()
        values = [v.unvalued() if type(v) is Structure else MISSING for v in self.values]
        return self.with_values(values, stored=False)

    def without(self, contents: Collection[bytes]) -> Structure:
        """Return the same without the values of some content ids."""
        values = [
            value.without(contents)
            if type(value) is Structure
            else MISSING
            if content in contents
            else value
            for value, content in zip(self.values, self.contents(), strict=True)
        ]
        return self.with_values(values, stored=self.stored)

    def key(self, place: int) -> str:
        """Return how an element is called in error messages: `items[2]`."""
        if self.kind is set:
            return "..."
        return repr(place if self.keys is None else self.keys[place])

    def levels(self, path: str = "value") -> Iterator[tuple[Structure, str]]:
        """Yield it and every structure at hand in it, and how they are called."""
        todo = [(self, path)]
        while todo:
            found, where = todo.pop()
            yield found, where
            for place in found.nested:
                inner = found.values[place]
                if type(inner) is Structure:
                    todo.append((inner, f"{where}[{found.key(place)}]"))

    def completed(self, known: Mapping[bytes, Any]) -> Structure:
        """Return the same with values that were not at hand, by content id."""
        if not known:
            return self
        values = [
            known.get(self.content(place), MISSING) if value is MISSING else value
            for place, value in enumerate(self.values)
        ]
        return self.with_values(values)

    def packed(self) -> bytes:
        """Return what is stored of it."""
        flags, values, outside = bytearray(), [], []
        for place, value in enumerate(self.values):
            inside = is_small(value)
            flags.append(inside)
            values.append(value if inside else None)
            if not inside:
                outside.append(self.content(place))
        from mandala_git.results import pickled

        short = bytes(flags[:1]) if len(set(flags)) == 1 else bytes(flags)
        kept = values if any(flags) else len(values)
        state = (self.keys, kept, short, b"".join(outside), dict(self.nested))
        return pickled.whole(state)

    @classmethod
    def read(cls, name: str, content: bytes, state: Any) -> Structure:
        """Return a structure from what `packed` made, unpickled."""
        keys, kept, flags, outside, nested = state
        ids = iter([outside[at : at + ID_SIZE] for at in range(0, len(outside), ID_SIZE)])
        values: list[Any] = [MISSING] * kept if type(kept) is int else kept
        cids: list[bytes | None]
        if flags == b"\0":
            cids, values = list(ids), [MISSING] * len(values)
        elif flags == b"\1" or not flags:
            cids = [None] * len(values)
        else:
            cids = [None if inside else next(ids) for inside in flags]
            values = [v if inside else MISSING for v, inside in zip(values, flags, strict=True)]
        return cls(codecs.CONTAINERS[name], keys, cids, values, nested, content)

    def is_itself(self, found: Found) -> bool:
        """Say whether it is what its content id says."""
        keys = [cid(key, found=found) for key in self.keys or ()]
        return container_cid(self.name, keys, self.contents()) == self.cid

    def filled(self, values: Iterable[Any]) -> Any:
        """Return a container with other values for the elements."""
        if self.keys is not None:
            return dict(zip(self.keys, values, strict=True))
        return self.kind(values)


def is_small(value: Any) -> bool:
    """Say whether an element lies in the container itself."""
    return type(value) in CONSTANT and packing.small(value) is not None
