"""What was looked at, and whether it still holds.

A judgement rests on bindings, functions, values, classes and files as they were. Each is kept
as a small value that can check itself in well under a microsecond; a guard is a set of them.
They are named tuples: every process pays for the making of each class at its start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from functools import lru_cache
from gc import get_referents
from operator import is_, itemgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Self

from mandala_git.errors import UnhashableValue, ValueLost
from mandala_git.records import NamedTuple
from mandala_git.repo.data_files import DiskFiles, Listing
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


class SeenFiles(NamedTuple):
    """What the files of a pattern held when they were looked at."""

    data: DiskFiles
    pattern: str
    listing: Listing

    def holds(self) -> bool:
        """Whether they hold the same now."""
        return self.data.listing(self.pattern) == self.listing


Check = Seen | SeenFunction | SeenSize | SeenValue | SeenFile | SeenFiles


class Guard:
    """All that a judgement looked at.

    Every hit asks whether it still holds. Most of it are names that are bound and functions with
    nothing special about them: these are compared in C.
    """

    __slots__ = ("_bound", "_functions", "_names", "_others", "_size")

    def __init__(self, checks: Iterable[Check]) -> None:
        names: dict[tuple[int, str], Seen] = {}
        functions: dict[int, SeenFunction] = {}
        sizes: dict[int, SeenSize] = {}
        others: dict[object, Check] = {}
        for check in checks:
            if isinstance(check, Seen):
                names[id(getattr(check.get, "__self__", None)), check.name] = check
            elif isinstance(check, SeenFunction):
                (functions if check.plain else others)[id(check.function)] = check
            elif isinstance(check, SeenFile):
                others["file", check.filename] = check
            elif isinstance(check, SeenSize):
                sizes[id(check.found)] = check
            elif isinstance(check, SeenFiles):
                others["files", check.pattern] = check
            else:
                others["value", id(getattr(check.get, "__self__", None)), check.name] = check
        bare = {id_: sizes.pop(id_) for id_ in functions if id_ in sizes and sizes[id_].empty}
        self._size = len(names) + len(functions) + len(others)
        self._bound = tuple(_bound(names))
        self._names = tuple(names.values())
        self._functions = _Functions.of(functions.values(), bare.keys()) if functions else None
        slow: list[Check] = [*sizes.values(), *others.values()]
        if self._functions is None:
            slow += (*functions.values(), *bare.values())
        self._others = tuple(slow)

    def __len__(self) -> int:
        return self._size

    def holds(self) -> bool:
        """Whether all of it is as it was."""
        for get, name, found in self._names:
            if get(name, MISSING) is not found:
                return False
        for check in self._others:
            if not check.holds():
                return False
        try:
            for are_same in self._bound:
                if not are_same():
                    return False
            functions = self._functions
            if functions is None:
                return True
            refer = get_referents(*functions.each)
            if refer != functions.refer or any(functions.bare):
                return False
            pick = functions.pick
            return pick is None or all(map(is_, pick(refer), functions.picked))
        except Exception:  # noqa: BLE001 - a name is gone, or something refuses to be compared
            return False


def _bound(names: dict[tuple[int, str], Seen]) -> Iterator[Callable[[], bool]]:
    """Take names of modules out of those, where they are many; yield functions that check them."""
    spaces: dict[int, list[tuple[int, str]]] = {}
    for key, check in names.items():
        if type(getattr(check.get, "__self__", None)) is dict and check.found is not MISSING:
            spaces.setdefault(key[0], []).append(key)
    for keys in spaces.values():
        if len(keys) > _FEW:
            for start in range(0, len(keys), _MOST):
                yield _comparing([names.pop(key) for key in keys[start : start + _MOST]])


def _comparing(checks: list[Seen]) -> Callable[[], bool]:
    """Return a function that tells whether names of a module are bound to what they were.

    To that function they are globals, which Python reads ten times faster than a dictionary. It
    raises NameError where one is gone.
    """
    size = 1 << (len(checks) - 1).bit_length()
    checks = checks + checks[:1] * (size - len(checks))
    code = _template(size).replace(co_names=tuple([check.name for check in checks]))
    namespace = checks[0].get.__self__  # type: ignore[attr-defined]
    return FunctionType(code, namespace, None, tuple([check.found for check in checks]))


@lru_cache
def _template(size: int) -> CodeType:
    """Return the code of a function that compares globals with its defaults."""
    defaults = ", ".join(f"_{number}" for number in range(size))
    same = " and ".join(f"n{number} is _{number}" for number in range(size))
    made: dict[str, FunctionType] = {}
    exec(f"def same({defaults}):\n    return {same}\n", made)
    return made["same"].__code__


_FEW, _MOST = 3, 64
"""So many names are compared as fast one after the other, and so many by one function at most."""


class _Functions(NamedTuple):
    """Functions of which only code, defaults and attributes can be exchanged.

    What they refer to is listed as the garbage collector does it, many times faster than one
    attribute after the other, and such lists are compared: what is the very same object is equal
    at once. What is equal without being the same must either make no difference, as with code
    and names, or is compared once more, as defaults are: 1 is equal to True.

    Attributes:
        each: the functions.
        refer: what they refer to.
        bare: the attributes of those that had none.
        pick: takes what has to be the same out of such a list; None: nothing more has.
        picked: what that was.
    """

    each: tuple[FunctionType, ...]
    refer: list[Any]
    bare: tuple[dict[str, Any], ...]
    pick: Callable[[list[Any]], tuple[Any, ...]] | None
    picked: tuple[Any, ...]

    @classmethod
    def of(cls, checks: Collection[SeenFunction], empty: Container[int]) -> Self | None:
        """Look at functions again; None where one has changed, or where this cannot tell.

        Args:
            checks: what was looked at.
            empty: ids of those that had no attributes.
        """
        each = tuple([check.function for check in checks])
        for function in each:  # some parts are only made when they are asked for
            _ = function.__dict__, function.__annotations__
        refer = get_referents(*each)
        known = [*map(id, refer)]
        places, bare, start = list[int](), list[dict[str, Any]](), 0
        for check in checks:
            function, attributes = check.function, check.function.__dict__
            end = start + len(get_referents(function))
            alone = id(function) not in empty
            if not alone:
                bare.append(attributes)
            parts = ((check.code, False), (attributes, alone), (check.defaults, True))
            for part, same in parts:
                if part is None:
                    continue
                if id(part) not in known[start:end]:
                    return None
                if same:
                    places.append(known.index(id(part), start))
            start = end
        if any(bare) or not all(check.holds() for check in checks):
            return None
        pick = itemgetter(*places, places[0]) if places else None  # more than one gives a tuple
        return cls(each, refer, tuple(bare), pick, pick(refer) if pick is not None else ())


def content(found: Any) -> str | None:
    """Return the content id (hex) of a value, None when it has none."""
    try:
        stands = getattr(type(found), "__mandala_global__", None)
        return cid(found if stands is None else stands(found)[0]).hex()
    except (UnhashableValue, ValueLost):
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
