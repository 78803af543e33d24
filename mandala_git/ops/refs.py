"""Refs: values with a history, loaded when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from operator import index
from typing import TYPE_CHECKING, Any

from mandala_git.errors import UnhashableValue, UsageError
from mandala_git.results.atoms import CONSTANT
from mandala_git.results.calls import MISSING
from mandala_git.results.ids import Found, cid, output_hid, value_hid

if TYPE_CHECKING:
    from typing import Protocol

    class Loader(Protocol):
        """Where values come from."""

        def load(self, content: bytes) -> Any:
            """Return the value of a content id."""


class Held:
    """What is replaced by another value before a function gets it, see `unwrap`."""

    __slots__ = ()

    def held(self) -> Any:
        """Return the value that a function gets."""
        raise TypeError(f"{type(self).__name__} holds nothing")

    def bare(self) -> Any:
        """Return what stands for it where a call is recorded."""
        return self.held()


class Ref(Held):
    """A stored value and how it came about.

    Attributes:
        hid: history id, 16 bytes.
        cid: content id, 16 bytes.
        in_memory: whether the value is here; otherwise it is loaded when needed.
    """

    __slots__ = ("_loader", "_shown", "_value", "cid", "hid")

    def __init__(self, hid: bytes, cid: bytes, loader: Loader, value: Any = MISSING) -> None:
        self.hid = hid
        self.cid = cid
        self._loader = loader
        self._value = value
        self._shown = False

    @property
    def in_memory(self) -> bool:
        """Whether the value is at hand without loading."""
        return self._value is not MISSING

    @property
    def value(self) -> Any:
        """The value, loaded when it is not here yet."""
        self.expose()
        return self.load()

    def held(self) -> Any:
        """Return the value."""
        return self.value

    def expose(self) -> None:
        """Note that somebody has the value at hand and may change it."""
        self._shown = True

    def attach(self) -> None:
        """Load the value; it may be changed in place from now on."""
        _ = self.value

    def load(self) -> Any:
        """Return the value to somebody who will not change it in place."""
        if self._value is MISSING:
            self._value = self._loader.load(self.cid)
        return self._value

    @property
    def obj(self) -> Any:
        """The value where it is here; None where it would have to be loaded."""
        return self.value if self.in_memory else None

    def attached(self, obj: Any) -> Ref:
        """Return a Ref like this one that has its value here.

        Args:
            obj: its value.

        Raises:
            UsageError: it is another value.
        """
        if not self._is_value(obj):
            raise UsageError(
                f"{obj!r:.80} is not the value of {self!r:.80}",
                hint="To pass another value to an op, pass the value itself.",
            )
        copy = type(self)(self.hid, self.cid, self._loader, obj)
        copy.expose()
        return copy

    def detached(self) -> Ref:
        """Return a Ref like this one whose value is loaded when it is needed."""
        return type(self)(self.hid, self.cid, self._loader)

    def shallow_copy(self) -> Ref:
        """Return a Ref like this one, with the same value if that is here."""
        self.expose()  # through either of them it may be changed in place
        copy = type(self)(self.hid, self.cid, self._loader, self._value)
        copy.expose()
        return copy

    @property
    def changeable(self) -> bool:
        """Whether the value may not be the recorded one any more: it was handed out."""
        return self._shown and type(self._value) not in CONSTANT

    def unchanged(self) -> bool:
        """Say whether a value that was handed out is still the recorded one."""
        return self._is_value(self.load())

    def _is_value(self, obj: Any) -> bool:
        """Say whether an object is what the content id says."""
        try:
            return cid(obj) == self.cid
        except UnhashableValue:
            return False

    def meet(self, found: Found, path: str) -> None:
        """Let the classes in the value count, if somebody looked at it here."""
        if self.in_memory:
            cid(self.load(), found=found, path=path)

    def under(self, hid: bytes, loader: Loader) -> Ref:
        """Return a Ref of the same value with another history."""
        return type(self)(hid, self.cid, loader, self._value)

    @property
    def _mark(self) -> str:
        """A piece of the history id to know it by; what is made of equal inputs begins alike."""
        return self.hid.hex()[16:19]

    def __repr__(self) -> str:
        hid = self._mark
        if self.in_memory:
            return f"AtomRef({self._value!r}, hid={hid}...)"
        return f"AtomRef(hid={hid}..., in_memory=False)"

    def __hash__(self) -> int:
        return hash(self.hid)

    def __mandala_global__(self) -> tuple[object, Callable[[], Any]]:
        """Say what it counts as where a global holds it: its id, however large the value is.

        Returns:
            What stands for it, and what loads the value for whoever looks for classes in it.
        """
        content = cid(self.load()) if self.changeable else self.cid
        return ("mandala ref", content), self.load

    def __mandala_hash__(self) -> object:
        raise TypeError("it is a Ref inside an object: put its value there, ref.value")

    def __reduce__(self) -> tuple[Any, ...]:
        from mandala_git.ops.sending import sent

        return sent(self, self._loader)

    def _repr_html_(self) -> str:
        """Show the value as a notebook shows it, with what it is a Ref of below; load nothing."""
        from html import escape

        show = getattr(self._value, "_repr_html_", None)
        if show is None:
            return f"<code>{escape(repr(self))}</code>"
        kind = type(self._value).__name__
        below = f"AtomRef({kind}, hid={self._mark}...)"
        return f"{show()}<code>{escape(below)}</code>"

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Ref):
            return self.cid == other.cid
        return self.value == unwrap(other)  # of arrays, element by element as always

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Ref):
            return self.cid != other.cid
        return self.value != unwrap(other)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __lt__(self, other: Any) -> Any:
        return self.value < unwrap(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= unwrap(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > unwrap(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= unwrap(other)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __index__(self) -> int:
        return index(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy

        found = numpy.asarray(self.value, dtype)
        return found.copy() if copy and found is self.value else found

    def __len__(self) -> int:
        return len(self.value)

    def __contains__(self, item: Any) -> bool:
        return unwrap(item) in self.value

    def __iter__(self) -> Any:
        return iter(self.value)

    def __getitem__(self, item: Any) -> Any:
        return self.value[unwrap(item)]

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)


class _Nowhere:
    """The loader of a value that no storage keeps."""

    def load(self, content: bytes) -> Any:
        raise UsageError(
            "the value of this Ref is in no storage",
            hint="Only what an op was given or returned is stored; keep the Ref with its value.",
        )


_NOWHERE = _Nowhere()


def wrap_atom(obj: Any, history_id: str | None = None) -> Ref:
    """Return a Ref to a value, hashed once for all calls that it is given to.

    Args:
        obj: the value; a Ref stays what it is.
        history_id: what tells this value from equal ones of another origin, in tables and
            queries; None: it is like any other plain value.

    Raises:
        UnhashableValue: the value has no content id.
    """
    if isinstance(obj, Ref):
        return obj
    content = cid(obj)
    history = value_hid(content)
    if history_id is not None:
        history = output_hid(history, f"wrapped as {history_id}")
    ref = Ref(history, content, _NOWHERE, obj)
    ref.expose()
    return ref


_CONTAINERS = frozenset({list, tuple, dict, set})


def unwrap(obj: Any) -> Any:
    """Return an object with every Ref in it replaced by its value.

    Looks into lists, tuples, dicts and sets; an object without a Ref in it is returned as it is.
    What special arguments hold is taken out of them, too.

    Raises:
        UsageError: what holds a Ref also holds itself, or is nested too deeply.
    """
    return replaced(obj, _held)


def bared(obj: Any) -> Any:
    """Return an object as it is recorded: Refs replaced by values, and pointers by their names.

    Raises:
        UsageError: as `unwrap`, or something in it is ignored.
    """
    return replaced(obj, _bare)


def replaced(obj: Any, leaf: Callable[[Held], Any]) -> Any:
    """Return an object with all that only holds a value, here or in a container, replaced."""
    if isinstance(obj, Held):
        return leaf(obj)
    if type(obj) not in _CONTAINERS or not holds(obj):
        return obj
    try:
        return _rebuilt(obj, leaf)
    except RecursionError as error:
        raise UsageError(
            f"the {type(obj).__name__} holds a Ref, and holds itself or is nested too deeply",
            hint="Replace the Ref by its value first: ref.value",
        ) from error


def _held(found: Held) -> Any:
    return found.held()


def _bare(found: Held) -> Any:
    return found.bare()


def holds(obj: Any, kind: type[Held] = Held) -> bool:
    """Tell whether there is anything in a container that only holds a value, of a kind."""
    seen: set[int] = set()
    pending = [obj]
    while pending:
        for each in _parts(pending.pop()):
            if isinstance(each, kind):
                return True
            if type(each) in _CONTAINERS and id(each) not in seen:
                seen.add(id(each))
                pending.append(each)
    return False


def _parts(obj: Any) -> Iterable[Any]:
    return chain(obj, obj.values()) if type(obj) is dict else obj


def _rebuilt(obj: Any, leaf: Callable[[Held], Any]) -> Any:
    if isinstance(obj, Held):
        return leaf(obj)
    kind = type(obj)
    if kind not in _CONTAINERS:
        return obj
    if kind is dict:
        pairs = [(_rebuilt(key, leaf), _rebuilt(each, leaf)) for key, each in obj.items()]
        same = all(
            key is old and each is was
            for (key, each), (old, was) in zip(pairs, obj.items(), strict=True)
        )
        return obj if same else _made(dict, pairs)
    parts = [_rebuilt(each, leaf) for each in obj]
    same = all(one is other for one, other in zip(parts, obj, strict=True))
    return obj if same else _made(kind, parts)


def _made(kind: Any, parts: list[Any]) -> Any:
    try:
        return kind(parts)
    except TypeError as error:
        raise UsageError(
            f"a {kind.__name__} cannot hold the value of a Ref in it: {error}",
            hint="As a key, or in a set, a value must be hashable: a tuple instead of a list.",
        ) from error
