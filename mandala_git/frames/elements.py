"""What stands in the cells of a frame's tables: calls that are read late, and several at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mandala_git.ops.calls import Call, calls_at
from mandala_git.ops.entries import refs_at
from mandala_git.records import NamedTuple
from mandala_git.results.built import BUILT, shown
from mandala_git.results.calls import Edge
from mandala_git.results.columns import Columns
from mandala_git.results.store import Results


class Shared(NamedTuple):
    """What calls of an op in one world have in common.

    Attributes:
        results: where they are recorded.
        columns: all recorded calls.
        key: of the op, as it is in the world that is looked at.
    """

    results: Results
    columns: Columns
    key: str


class LazyCall(Call):
    """A recorded call whose inputs, outputs and circumstances are read when asked for.

    Args:
        shared: what it has in common with others.
        number: which of the recorded calls it is.
    """

    __slots__ = ("_number", "_shared")

    def __init__(self, shared: Shared, number: int) -> None:
        self._shared = shared
        self._number = number

    def __getattr__(self, name: str) -> Any:
        # Only what is not there yet gets here.
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "key":
            self.key = self._shared.key
            return self.key
        if name == "hid":
            self.hid = self._shared.columns.hids[self._number].tobytes()
            return self.hid
        if name == "op":
            self.op = self.key.rpartition("::")[2]
            return self.op
        for known, value in self._read().items():
            if known != "key":
                setattr(self, known, value)
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"a call has no {name!r}") from None

    def _read(self) -> dict[str, Any]:
        row = int(self._shared.columns.rows[self._number])
        if row != BUILT:
            (found,) = calls_at(self._shared.results, [row])
            return vars(found)
        columns, first = self._shared.columns, self._shared.columns.first
        sides: tuple[list[Edge], list[Edge]] = ([], [])
        for edge in range(int(first[self._number]), int(first[self._number + 1])):
            label = columns.labels[columns.label[edge]]
            led = columns.edge(int(columns.ref[edge]))._replace(label=label)
            sides[int(columns.is_output[edge])].append(led)
        inputs, outputs = (
            dict(zip([e.label for e in edges], refs_at(self._shared.results, edges), strict=True))
            for edges in map(shown, sides)
        )
        return {
            "inputs": inputs,
            "outputs": outputs,
            "cid": self.hid,
            "version": "",
            "started": None,
            "duration": 0.0,
            "session": None,
            "repeats": False,
        }

    @property
    def is_built(self) -> bool:
        """Whether it is made up: it stands for a container, see `results/built.py`."""
        return bool(self._shared.columns.rows[self._number] == BUILT)

    def __reduce__(self) -> Any:
        (found,) = calls_at(self._shared.results, [int(self._shared.columns.rows[self._number])])
        return found.__reduce_ex__(4)


class Collection(Sequence[Any]):
    """What several elements of a node are in one cell of a table, in order of their making."""

    __slots__ = ("items",)

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = tuple(items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: Any) -> Any:
        found = self.items[place]
        return type(self)(found) if isinstance(place, slice) else found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items)!r})"

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Collection):
            return type(self) is type(other) and self.items == other.items
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.items)


class ValueCollection(Collection):
    """Values of several refs of one variable."""

    __slots__ = ()


class RefCollection(Collection):
    """Several refs of one variable."""

    __slots__ = ()


class CallCollection(Collection):
    """Several calls of one function node."""

    __slots__ = ()
