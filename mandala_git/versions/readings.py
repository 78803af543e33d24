"""Values of a process as they are read: what they hold, and whether they can change."""

from __future__ import annotations

from enum import EnumMeta
from types import FunctionType, ModuleType
from typing import Any

from mandala_git.errors import UnhashableValue, ValueLost
from mandala_git.records import NamedTuple
from mandala_git.results.ids import Found, cid
from mandala_git.source.definitions import Definition
from mandala_git.versions.loaded import Loaded
from mandala_git.versions.seen import Check, Lookup, SeenValue

FROZEN = frozenset({int, float, complex, bool, str, bytes, type(None), range, type(...)})
"""Types whose instances cannot change and hold nothing that can."""

_PLAIN_PARTS = FROZEN | {list, dict, set, tuple, frozenset, bytearray, FunctionType}
_BY_LANGUAGE = frozenset({"_is_protocol", "_is_runtime_protocol"})
_NAMES = frozenset(
    {
        ("logging", "Logger"),
        ("logging", "RootLogger"),
        ("typing", "TypeVar"),
        ("_thread", "lock"),
        ("_thread", "RLock"),
    }
)


_INSIDE: dict[str, Found] = {}
"""What is inside of values that have an id of their own, so that they are looked through once."""


class Reading(NamedTuple):
    """The value of a global as it was read.

    Attributes:
        cid: content id, hex; None when it has none.
        plain: it is data: no function is in it, and no class of the project.
        same: what tells the object from others; None when it cannot change in place.
        names: keys of project functions and classes in it.
    """

    cid: str | None
    plain: bool
    same: object | None
    names: tuple[str, ...] = ()


class State:
    """What an object holds that its source does not tell."""

    def __init__(self, loaded: Loaded, unhashable: set[str], key: str, checks: list[Check]) -> None:
        self._loaded = loaded
        self._unhashable = unhashable
        self._key = key
        self._checks = checks
        self._told: list[tuple[str, str | None]] = []
        self._names: dict[str, None] = {}

    def add(
        self,
        name: str,
        value: Any,
        get: Lookup | None,
        expected: str | None,
        *,
        label: str = "",
    ) -> None:
        """Look at one part.

        Args:
            name: of the part.
            value: the part.
            get: finds it again, for a later look at its content; None for a part that counts
                as it was when it was first seen.
            expected: content id (hex) by the source, None when that does not tell.
            label: what to keep it under, its name by default.
        """
        reading = read(self._loaded, value)
        if reading.cid is None:
            self._unhashable.add(self._key)
        if reading.same is not None and get is not None:
            self._checks.append(SeenValue(get, name, value, reading.cid))
        if expected is None or reading.cid != expected:
            self._told.append((label or name, reading.cid))
            self._names.update(dict.fromkeys(reading.names))

    def reading(self) -> Reading | None:
        """Return all of it; None when the source tells everything."""
        if not self._told:
            return None
        return Reading(cid(repr(sorted(self._told))).hex(), False, None, tuple(self._names))


def read(loaded: Loaded, found: Any) -> Reading:
    """Return what is to be known of a value: its content, and whether it can change."""
    kind = type(found)
    if kind in FROZEN:
        return Reading(cid(found).hex(), True, None)
    met = Found()
    try:
        if hasattr(kind, "__mandala_global__"):
            known, load = kind.__mandala_global__(found)
            told = cid(known).hex()
            if told not in _INSIDE:
                value = load()
                if getattr(getattr(value, "dtype", None), "hasobject", True):
                    cid(value, found=met)
                _INSIDE[told] = met
            met = _INSIDE[told]
        else:
            told = cid(found, found=met).hex()
    except (UnhashableValue, ValueLost):
        return Reading(None, False, id(found))
    keys = loaded.keys_of(met.names)
    same = None if kind in (tuple, frozenset) and frozen(found) else id(found)
    # A function is no data: what `L = locals` does depends on who calls it.
    plain = not keys and not met.fallbacks and not met.functions
    return Reading(told, plain, same, keys)


def added(found: type, definition: Definition) -> list[str]:
    """Return the attributes of a class that its body does not bind: somebody set them."""
    if issubclass(found, tuple) or isinstance(found, EnumMeta):
        return []  # made by the language from what the body says
    known = {member.rpartition(".")[2].partition("#")[0] for member in definition.members}
    return [
        name
        for name, value in vars(found).items()
        if name not in definition.values
        and name not in known
        and type(value) in _PLAIN_PARTS
        and not (name.startswith("__") and name.endswith("__"))
        and name not in _BY_LANGUAGE
    ]


def is_name(found: Any) -> bool:
    """Whether a value is no more than a name for something: its source tells all of it."""
    kind = type(found)
    return isinstance(found, ModuleType) or (kind.__module__, kind.__qualname__) in _NAMES


def frozen(value: Any) -> bool:
    """Whether a tuple or frozenset holds only what cannot change."""
    todo = [value]
    while todo:
        for each in todo.pop():
            if type(each) in (tuple, frozenset):
                todo.append(each)
            elif type(each) not in FROZEN:
                return False
    return True
