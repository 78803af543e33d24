"""What people say about types that are not theirs to change: what an instance is, how it is kept."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from mandala_git.errors import UsageError, ValueLost
from mandala_git.records import NamedTuple
from mandala_git.results.atoms import ATOMS

T = TypeVar("T")


class Custom(NamedTuple):
    """What was registered for a type."""

    name: str
    hash: Callable[[Any], object] | None
    encode: Callable[[Any], object] | None
    decode: Callable[[Any], Any] | None
    subclasses: bool


CUSTOM: dict[type, Custom] = {}
"""Registered types. Empty in most programs, so whoever asks looks at that first."""

_OWN = {*ATOMS, list, tuple, dict, set, frozenset, range, slice}
_OWN |= {types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType}


def register_type(
    cls: type[T],
    /,
    *,
    hash: Callable[[T], object] | None = None,
    encode: Callable[[T], object] | None = None,
    decode: Callable[[Any], T] | None = None,
    subclasses: bool = False,
) -> None:
    """Say how instances of a type are told apart and stored, wherever in a value they are.

    For a class of your own, a method `__mandala_hash__(self)` does what `hash` does here, and
    `__getstate__` and `__setstate__` what `encode` and `decode` do. Registering a type again
    replaces what was said of it.

    Args:
        cls: the type.
        hash: returns what an instance stands for: any value of another type. Two instances are
            the same for every op exactly if these values are. Left out: what `encode` returns,
            or else what pickle would keep.
        encode: returns what is stored instead of an instance: any value of another type.
        decode: makes an instance from what `encode` returned; it must stand for the same.
        subclasses: all this holds for the subclasses too (but for those that are registered
            themselves). By default it does not: they may add what these functions do not see.

    Raises:
        UsageError: the type has rules of its own, or the functions make no sense together.
    """
    if not isinstance(cls, type):
        raise UsageError(
            f"register_type wants a class, not {cls!r:.80}", hint="Pass the class itself."
        )
    if cls in _OWN or issubclass(cls, type) or cls is object:
        raise UsageError(
            f"{cls.__qualname__} cannot be registered: it has rules of its own",
            hint="Make a class for what you mean, and register that.",
        )
    if (encode is None) != (decode is None):
        raise UsageError(
            f"register_type({cls.__qualname__}): `encode` and `decode` belong together",
            hint="Pass both, or neither.",
        )
    functions = {"hash": hash, "encode": encode, "decode": decode}
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise UsageError(
                f"register_type({cls.__qualname__}): `{name}` is no function: {function!r:.80}",
                hint=f"Pass {name}=function.",
            )
    if hash is None and encode is None:
        raise UsageError(
            f"register_type({cls.__qualname__}) says nothing",
            hint="Pass hash=function, or encode=function and decode=function.",
        )
    CUSTOM[cls] = Custom(f"{cls.__module__}:{cls.__qualname__}", hash, encode, decode, subclasses)


def custom_of(cls: type) -> Custom | None:
    """Return what holds for the instances of a class; asked only when `CUSTOM` has something."""
    found = CUSTOM.get(cls)
    if found is not None:
        return found
    for base in cls.__mro__[1:]:
        found = CUSTOM.get(base)
        if found is not None and found.subclasses:
            return found
    return None


def stand_in(obj: Any, make: Callable[[Any], object]) -> object:
    """Return what an object stands for.

    Raises:
        TypeError: that would be of the same type, and so stand for something else again.
    """
    found = make(obj)
    if type(found) is type(obj):
        raise TypeError(
            f"{getattr(make, '__qualname__', make)} must return a value of another type"
        )
    return found


def decoded(name: str, state: object) -> Any:
    """Make an instance of a registered type; pickles call this function by its name.

    Raises:
        ValueLost: the type is not registered here.
    """
    custom = _named(name)
    if custom is None:
        with suppress(ImportError):  # it may be registered where it is defined
            importlib.import_module(name.partition(":")[0])
        custom = _named(name)
    if custom is None or custom.decode is None:
        raise ValueLost(
            f"a stored value holds an instance of {name}, which is not registered here",
            hint="Call mandala_git.register_type for it, with the `decode` that it was stored "
            "for, before its values are read.",
        )
    return custom.decode(state)


def _named(name: str) -> Custom | None:
    return next((each for each in list(CUSTOM.values()) if each.name == name), None)
