"""What was looked at, and whether it still holds.

A judgement rests on bindings, functions, values, classes and files as they were. Each is kept
as a small value that can check itself in well under a microsecond; a guard is a set of them.
They are named tuples: every process pays for the making of each class at its start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter, is_, itemgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Self

from mandala_git.errors import UnhashableValue
from mandala_git.records import NamedTuple
from mandala_git.results.ids import cid

MISSING: Any = object()
"""Stands for what is not there."""

Lookup = Callable[[str, Any], Any]
"""`get` of a namespace."""


if TYPE_CHECKING:
    from typing import Protocol

    class Modules(Protocol):
        """Who knows what is loaded (`loaded.Loaded`)."""

        def modules(self) -> Mapping[str, object]:
            """Return the loaded project modules by path."""


class Seen(NamedTuple):
    """What was found under a name when it was looked at: `get(name)` gave `found`."""

    get: Lookup
    name: str
    found: Any

    def holds(self) -> bool:
        """Whether the name still leads to the very same object."""
        return self.get(self.name, MISSING) is self.found


class SeenFunction(NamedTuple):
    """The parts of a function that can be exchanged without rebinding it."""

    function: Any  # a FunctionType
    code: CodeType
    defaults: object
    kwdefaults: tuple[object, ...]
    cells: tuple[object, ...]

    @classmethod
    def of(cls, function: FunctionType) -> Self:
        """Take note of a function as it is now."""
        return cls(
            function,
            function.__code__,
            function.__defaults__,
            _items(function.__kwdefaults__),
            cells_of(function),
        )

    @property
    def plain(self) -> bool:
        """Whether it has neither defaults of named arguments nor captured values."""
        given = self.function.__kwdefaults__
        return not self.cells and not self.kwdefaults and given is None

    def holds(self) -> bool:
        """Whether nothing in it was exchanged."""
        function = self.function
        if function.__code__ is not self.code or function.__defaults__ is not self.defaults:
            return False
        given = function.__kwdefaults__
        if (given or self.kwdefaults) and not _same(_items(given), self.kwdefaults):
            return False
        return not self.cells or _same(cells_of(function), self.cells)


class SeenSize(NamedTuple):
    """How many attributes a class or function had: one that is added is seen by it."""

    found: Any
    size: int

    @property
    def empty(self) -> bool:
        """Whether it was a function without any."""
        return self.size == 0 and isinstance(self.found, FunctionType)

    def holds(self) -> bool:
        """Whether it has as many."""
        return len(vars(self.found)) == self.size


class SeenFile(NamedTuple):
    """A file that was read because its module is not loaded."""

    filename: str
    stat: tuple[int, ...]
    path: str
    loaded: Modules

    def holds(self) -> bool:
        """Whether the file is as it was, and still not loaded."""
        return stat_of(self.filename) == self.stat and self.path not in self.loaded.modules()


class SeenValue(NamedTuple):
    """A global that may change in place: its content is compared."""

    get: Lookup
    name: str
    found: Any
    cid: str | None

    def holds(self) -> bool:
        """Whether the name leads to equal content."""
        found = self.get(self.name, MISSING)
        if self.cid is None:
            return found is self.found
        return found is not MISSING and content(found) == self.cid


Check = Seen | SeenFunction | SeenSize | SeenValue | SeenFile


class Guard:
    """All that a judgement looked at.

    Every hit asks whether it still holds. Where it is much, most of it are names that are bound
    and functions with nothing special about them: these are compared by loops in C.
    """

    __slots__ = ("_bare", "_functions", "_names", "_others", "_parts", "_spaces")

    def __init__(self, checks: Iterable[Check]) -> None:
        names: dict[tuple[int, str], Seen] = {}
        functions: dict[int, SeenFunction] = {}
        bare: dict[int, SeenSize] = {}
        others: dict[object, Check] = {}
        for check in checks:
            if isinstance(check, Seen):
                names[id(getattr(check.get, "__self__", None)), check.name] = check
            elif isinstance(check, SeenFunction):
                (functions if check.plain else others)[id(check.function)] = check
            elif isinstance(check, SeenFile):
                others["file", check.filename] = check
            elif isinstance(check, SeenSize):
                kept: dict[Any, Any] = bare if check.empty else others
                kept["size", id(check.found)] = check
            else:
                others["value", id(getattr(check.get, "__self__", None)), check.name] = check
        self._spaces = [*_spaces(names)]
        self._names = tuple(names.values())
        many = len(functions) > _FEW
        self._functions = [check.function for check in functions.values() if many]
        self._parts = [p for c in functions.values() for p in (c.code, c.defaults, None) if many]
        self._bare = [check.found for check in bare.values() if many]
        few: tuple[Check, ...] = () if many else (*functions.values(), *bare.values())
        self._others = (*few, *others.values())

    def __len__(self) -> int:
        names = sum(len(found) for _, _, found in self._spaces) + len(self._names)
        return names + len(self._functions) + len(self._bare) + len(self._others)

    def holds(self) -> bool:
        """Whether all of it is as it was."""
        for get, name, found in self._names:
            if get(name, MISSING) is not found:
                return False
        for check in self._others:
            if not check.holds():
                return False
        try:
            for items, owner, values in self._spaces:
                if not all(map(is_, items(owner), values)):
                    return False
        except KeyError:  # a name is gone
            return False
        return not self._functions or (
            all(map(is_, chain.from_iterable(map(_PARTS, self._functions)), self._parts))
            and not any(map(_ATTRIBUTES, self._bare))
        )


def _spaces(names: dict[tuple[int, str], Seen]) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    """Take namespaces with many bound names out of those; yield how to read each, and what was."""
    spaces: dict[int, list[tuple[int, str]]] = {}
    for key, check in names.items():
        if hasattr(check.get, "__self__") and check.found is not MISSING:
            spaces.setdefault(key[0], []).append(key)
    for keys in spaces.values():
        if len(keys) > _FEW:
            checks = [names.pop(key) for key in keys]
            owner = checks[0].get.__self__  # type: ignore[attr-defined]
            yield itemgetter(*(c.name for c in checks)), owner, tuple(c.found for c in checks)


_FEW = 3
"""So many are compared as fast by a loop in Python."""

_PARTS = attrgetter("__code__", "__defaults__", "__kwdefaults__")
_ATTRIBUTES = attrgetter("__dict__")


def content(found: Any) -> str | None:
    """Return the content id (hex) of a value, None when it has none."""
    try:
        return cid(found).hex()
    except UnhashableValue:
        return None


def functions_of(found: Any) -> list[FunctionType]:
    """Return the functions behind an object: wrapped ones, accessors, the op's own."""
    todo, functions, seen = [found], [], set()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, FunctionType):
            functions.append(each)
        if isinstance(each, staticmethod | classmethod):
            todo.append(each.__func__)
        if isinstance(each, property):
            todo += (f for f in (each.fget, each.fset, each.fdel) if f is not None)
        wrapped = getattr(each, "__dict__", {}).get("__wrapped__", MISSING)
        if wrapped is MISSING:
            wrapped = getattr(type(each), "__wrapped__", MISSING)
            wrapped = MISSING if wrapped is MISSING else getattr(each, "__wrapped__", MISSING)
        if wrapped is not MISSING:
            todo.append(wrapped)
        func = each.func if type(each).__name__ == "cached_property" else MISSING
        if func is not MISSING:
            todo.append(func)
    return functions


def stat_of(filename: str) -> tuple[int, ...]:
    """Return (mtime, ctime in nanoseconds, size in bytes, inode), () when there is no file."""
    try:
        stat = os.stat(filename)
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _items(mapping: dict[str, Any] | None) -> tuple[object, ...]:
    return (*mapping, *mapping.values()) if mapping else ()


def _same(ones: tuple[object, ...], others: tuple[object, ...]) -> bool:
    """Whether these are the very same objects, in order."""
    return len(ones) == len(others) and all(
        one is other for one, other in zip(ones, others, strict=True)
    )


_SPECIAL = "mandala_git.ops.special"
"""Where the classes of special defaults are: what a call gets for one is an input of the call."""


def defaults_of(function: FunctionType) -> list[tuple[str, object]]:
    """Return (parameter, value) of every default; those that ops replace are left out."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    pairs: list[tuple[str, object]] = list(
        zip(positional[len(positional) - len(values) :], values, strict=False)
    )
    pairs += (function.__kwdefaults__ or {}).items()
    return [(name, value) for name, value in pairs if type(value).__module__ != _SPECIAL]


def cells_of(function: FunctionType) -> tuple[object, ...]:
    """Return what a closure captured, MISSING for what is not bound yet."""
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # an empty cell
            cells.append(MISSING)
    return tuple(cells)
