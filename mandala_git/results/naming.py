"""How functions and classes inside a value are named, and what was met while naming them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Namer = Callable[[Any], str | None]

_namer: Namer | None = None


class Found:
    """What a content id met on its way through a value.

    Attributes:
        names: (module, qualname) of every function and class met, and of the classes in the
            MRO of every instance met; builtins are left out. Those that belong to the project
            become dependencies of the call that the value is given to.
        fallbacks: paths inside the value whose id is the hash of a pickle: correct, but not
            proved stable from process to process.
        functions: whether a function was met.
    """

    __slots__ = ("fallbacks", "functions", "known", "names")

    def __init__(self) -> None:
        self.names: set[tuple[str, str]] = set()
        self.fallbacks: list[str] = []
        self.functions = False
        # What was found out about the classes of instances; a value has many of one class.
        self.known: dict[type, tuple[bytes, list[Any]]] = {}


def set_namer(namer: Namer | None) -> Namer | None:
    """Register who names the functions and classes of a project.

    Args:
        namer: called with a function or class; returns its project key, or None for what
            is not of the project. None unregisters.

    Returns:
        The namer that was registered before.
    """
    global _namer
    previous, _namer = _namer, namer
    return previous


def project_key(obj: Any) -> str | None:
    """Return the project key of a function or class, None where there is none."""
    return None if _namer is None else _namer(obj)


def qualified_name(obj: Any) -> tuple[str, str]:
    """Return (module, qualname) of a function or class, as its attributes say."""
    module = getattr(obj, "__module__", None)
    qualname = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    return (
        module if isinstance(module, str) else "",
        qualname if isinstance(qualname, str) else type(obj).__qualname__,
    )


def note(obj: Any, found: Found) -> None:
    """Record that a function was met, or a class with the classes it inherits from."""
    if not isinstance(obj, type):
        found.functions = True
    for each in obj.__mro__ if isinstance(obj, type) else (obj,):
        name = qualified_name(each)
        if name[0] != "builtins":
            found.names.add(name)


def name_of(obj: Any) -> str:
    """Return the name that stands for a function or class in an encoding."""
    key = project_key(obj)
    if key is not None:
        # A project key and a qualified name must never be mistaken for each other.
        return "project " + key
    module, qualname = qualified_name(obj)
    return f"{module}:{qualname}"


def importable(obj: Any, module: str, qualname: str) -> bool:
    """Say whether `module:qualname` leads to this very object in this process."""
    here: Any = sys.modules.get(module)
    if here is None:
        return False
    for part in qualname.split("."):
        here = getattr(here, part, None)
        if here is None:
            return False
    return here is obj
